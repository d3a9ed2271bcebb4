import { i64, sizeOf } from '../base/tensor.ts';
import { constant, type Value } from '../graph/index.ts';
import { add, batchNormalise, channelMoments, channelwise, mul, rsqrt, sub } from '../ops/index.ts';
import { filled } from './initialisers.ts';
import type { Scope } from './scope.ts';

export interface BatchNormOptions {
  /** Added to the variance. Default 1e-5. */
  readonly epsilon?: number;
  /** The share of a new batch in the running statistics. Default 0.1. */
  readonly momentum?: number;
}

/**
 * Batch normalisation over every axis but the channels (Ioffe & Szegedy 2015), with torchvision's parameter names. The
 * scope's policy decides which statistics it uses: see `BatchNormPolicy`. (n, c, …) → the same shape.
 */
export function batchNorm(s: Scope, x: Value, options: BatchNormOptions = {}): Value {
  const { epsilon = 1e-5, momentum = 0.1 } = options;
  const channels = x.shape[1]!;
  const weight = s.param('weight', [channels], filled(1));
  const bias = s.param('bias', [channels], filled(0));
  const runningMean = s.buffer('running_mean', 'f32', [channels], filled(0));
  const runningVariance = s.buffer('running_var', 'f32', [channels], filled(1));
  const batchesTracked = s.buffer('num_batches_tracked', 'i64', [], filled(0));
  const policy = s.batchNorm;

  if (policy === 'frozen' || (policy === 'running' && !s.training)) {
    const scale = mul(weight, rsqrt(add(runningVariance, epsilon)));
    const shift = sub(bias, mul(runningMean, scale));
    return add(mul(x, channelwise(scale, x)), channelwise(shift, x));
  }
  const { y, mean, variance } = normalise(x, weight, bias, epsilon);
  if (policy === 'batch') return y;
  const count = sizeOf(x.shape) / channels;
  // The running variance is the unbiased estimate; the batch is normalised with the biased one. So does PyTorch.
  const unbiased = mul(variance, count / Math.max(1, count - 1));
  const share = policy === 'renewed' ? 1 : momentum;
  const blend = (before: Value, now: Value) => (share === 1 ? now : add(mul(before, 1 - share), mul(now, share)));
  s.update('running_mean', blend(runningMean, mean));
  s.update('running_var', blend(runningVariance, unbiased));
  s.update('num_batches_tracked', add(batchesTracked, constant(i64([], [1]))));
  return y;
}

/** y = (x - mean) / √(variance + ε) · weight + bias with the batch's own mean and biased variance, each (c). */
export function normalise(
  x: Value,
  weight: Value,
  bias: Value,
  epsilon: number,
): { y: Value; mean: Value; variance: Value } {
  const { mean, variance } = channelMoments(x);
  return { y: batchNormalise(x, weight, bias, epsilon), mean, variance };
}
