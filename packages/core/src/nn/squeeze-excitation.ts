import type { Value } from '../graph/index.ts';
import { mul, reduceMean, relu, sigmoid } from '../ops/index.ts';
import { type Initialiser, kaimingNormalFanOut } from './initialisers.ts';
import { conv2d } from './layers.ts';
import type { Scope } from './scope.ts';

export interface SqueezeExcitationOptions {
  /** Channels between the two layers. */
  readonly squeeze: number;
  /** Between the two layers. Default ReLU. */
  readonly activation?: (x: Value) => Value;
  /** The activation that makes a channel's scale. Default sigmoid. */
  readonly scaleActivation?: (x: Value) => Value;
  /** Default: PyTorch's. */
  readonly biasInitialiser?: Initialiser;
}

/**
 * Scales each channel by a gate that a small network computes from the means of all channels: y = x · σ(W₂ δ(W₁ mean(x)
 * + b₁) + b₂), with 1x1 convolutions `fc1` and `fc2` (Hu et al. 2017, arXiv 1709.01507, equation 3). (n, c, h, w) → the
 * same shape.
 */
export function squeezeExcitation(s: Scope, x: Value, options: SqueezeExcitationOptions): Value {
  const { squeeze, activation = relu, scaleActivation = sigmoid, biasInitialiser } = options;
  const initialisers = { initialiser: kaimingNormalFanOut, ...(biasInitialiser && { biasInitialiser }) };
  const layer = (name: string, value: Value, channels: number) =>
    conv2d(s.at(name), value, { channels, kernel: 1, ...initialisers });
  const squeezed = activation(layer('fc1', reduceMean(x, [2, 3], true), squeeze));
  return mul(x, scaleActivation(layer('fc2', squeezed, x.shape[1]!)));
}
