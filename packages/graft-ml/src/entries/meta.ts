export * from '@graft-ml/core/meta';
export * from '../meta/index.ts';
