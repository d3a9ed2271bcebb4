export * from '@graft-ml/core/image';
export * from '../data/index.ts';
export * from '../episodes/index.ts';
