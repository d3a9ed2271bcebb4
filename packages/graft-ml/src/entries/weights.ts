export * from '@graft-ml/core/weights';
export * from '../checkpoint/index.ts';
