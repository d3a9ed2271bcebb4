export { batchNormalise, channelCombine, channelMoments, channelSum, channelwise } from './channels.ts';
export { conv2d, conv2dInputGrad, conv2dWeightGrad } from './conv.ts';
export { type ConvGeometry, convOutputSize } from './conv-geometry.ts';
export { type Operand, primitives, sameShape } from './define.ts';
export * from './elementwise.ts';
export { countFlops, type Flops } from './flops.ts';
export { gather, scatterAdd } from './gather.ts';
export { gelu, normalCdf } from './gelu.ts';
export { layerNormalise } from './layer-norm.ts';
export { matmul } from './matmul.ts';
export { type AveragePoolOptions, averagePool, maxPool, type PoolOptions } from './pool.ts';
export { argMax, logSoftmax, reduceMax, reduceMean, reduceSum, softmax } from './reduce.ts';
export {
  adaptiveAveragePool,
  type ResizeOptions,
  resize,
  row,
  separable,
  type Weights,
} from './resize.ts';
export * from './shape.ts';
