export * from '@graft-ml/core/fit';
export * from '@graft-ml/core/recipe';
export * from '../runs/index.ts';
export * from '../transfer/index.ts';
