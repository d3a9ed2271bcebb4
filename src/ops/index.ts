export * from './conv.ts';
export { type Operand, primitives } from './define.ts';
export * from './elementwise.ts';
export { gather, scatterAdd } from './gather.ts';
export { matmul } from './matmul.ts';
export { averagePool, maxPool, type PoolOptions } from './pool.ts';
export { argMax, logSoftmax, reduceMax, reduceMean, reduceSum, softmax } from './reduce.ts';
export { adaptiveAveragePool, resize } from './resize.ts';
export * from './shape.ts';
