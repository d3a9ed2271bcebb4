export * from '@graft-ml/core/runtime';
export * from '../runtime/index.ts';
