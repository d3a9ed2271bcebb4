export * from '@graft-ml/core/models';
export { type CreateModelOptions, createModel, type ReadyModel } from '../checkpoint/index.ts';
