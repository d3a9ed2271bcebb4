export * from './activations.ts';
export * from './attention.ts';
export { type BatchNormOptions, batchNorm, normalise } from './batch-norm.ts';
export { type ConvNormOptions, convNorm } from './conv-norm.ts';
export {
  type AnyNetwork,
  type Forward,
  type FunctionalCallOptions,
  type FunctionalResult,
  functionalCall,
  functionalCallWithState,
  type InitialOptions,
  initialBuffers,
  initialParameters,
  type Parameters,
} from './functional.ts';
export * from './initialisers.ts';
export * from './layers.ts';
export {
  type BceWithLogitsLossOptions,
  bceWithLogitsLoss,
  type CrossEntropyOptions,
  crossEntropy,
  crossEntropyLoss,
  type HuberLossOptions,
  huberLoss,
  type Loss,
  l1Loss,
  type MixedTargets,
  meanOf,
  meanSquaredError,
  mixedLoss,
  mseLoss,
  oneHot,
} from './losses.ts';
export {
  type BatchNormPolicy,
  drawNoise,
  initialise,
  type Noise,
  Scope,
  type Trace,
  type TraceOptions,
  under,
  type Variable,
} from './scope.ts';
export { type Layer, sequential } from './sequential.ts';
export { type SqueezeExcitationOptions, squeezeExcitation } from './squeeze-excitation.ts';
export { type WindowAttentionOptions, windowAttention } from './window-attention.ts';
