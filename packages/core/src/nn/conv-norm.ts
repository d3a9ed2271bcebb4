import type { Value } from '../graph/index.ts';
import { type BatchNormOptions, batchNorm } from './batch-norm.ts';
import { kaimingNormalFanOut } from './initialisers.ts';
import { conv2d } from './layers.ts';
import type { Scope } from './scope.ts';

export interface ConvNormOptions extends BatchNormOptions {
  /** Output channels. */
  readonly channels: number;
  /** Side of the square kernel, odd; padded so that stride 1 keeps the size. Default 1. */
  readonly kernel?: number;
  readonly stride?: number;
  readonly groups?: number;
  /** Default: none. */
  readonly activation?: (x: Value) => Value;
}

/**
 * A convolution without bias (`0`), batch norm (`1`) and an activation: torchvision's `Conv2dNormActivation`.
 * (n, c, h, w) → (n, channels, ⌈h/stride⌉, ⌈w/stride⌉).
 */
export function convNorm(s: Scope, x: Value, options: ConvNormOptions): Value {
  const { channels, kernel = 1, stride = 1, groups = 1, activation, ...norm } = options;
  const padding = (kernel - 1) / 2;
  const convolution = { channels, kernel, stride, padding, groups, bias: false, initialiser: kaimingNormalFanOut };
  const y = batchNorm(s.at(1), conv2d(s.at(0), x, convolution), norm);
  return activation ? activation(y) : y;
}
