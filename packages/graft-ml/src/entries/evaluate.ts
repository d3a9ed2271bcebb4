export * from '@graft-ml/core/predict';
export * from '../predict/index.ts';
