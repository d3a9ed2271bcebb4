import { f32 } from '../base/tensor.ts';
import { constant, type Value } from '../graph/index.ts';
import {
  adaptiveAveragePool as adaptive,
  add,
  cast,
  conv2d as convolve,
  layerNormalise,
  matmul,
  mul,
  reduceMean,
  reshape,
  swapLast,
  transpose,
} from '../ops/index.ts';
import { fanIn, filled, type Initialiser, pytorchDefault, uniform } from './initialisers.ts';
import type { Scope } from './scope.ts';

/** An extent along height and width, in pixels; one number for both. */
export type Extent = number | readonly [height: number, width: number];

const alongBoth = (extent: Extent) => (typeof extent === 'number' ? ([extent, extent] as const) : extent);

export interface Conv2dOptions {
  /** Output channels. */
  readonly channels: number;
  readonly kernel: Extent;
  /** Default 1. */
  readonly stride?: number;
  /** Pixels of zeros on each side of the image. Default 0. */
  readonly padding?: Extent;
  /** Default 1. */
  readonly dilation?: number;
  /** Default 1. */
  readonly groups?: number;
  /** Default true. */
  readonly bias?: boolean;
  /** Default: PyTorch's, uniform in ±1/√fanIn. */
  readonly initialiser?: Initialiser;
  /** Default: PyTorch's, uniform in ±1/√fanIn. */
  readonly biasInitialiser?: Initialiser;
}

/** A convolution with `weight` (channels, c/groups, kh, kw) and `bias`. (n, c, h, w) → (n, channels, oh, ow). */
export function conv2d(s: Scope, x: Value, options: Conv2dOptions): Value {
  const { channels, kernel, stride = 1, padding = 0, dilation = 1, groups = 1, bias = true } = options;
  return s.locate(() => {
    const shape = [channels, x.shape[1]! / groups, ...alongBoth(kernel)];
    const y = convolve(x, s.param('weight', shape, options.initialiser ?? pytorchDefault), {
      strides: [stride, stride],
      pads: [...alongBoth(padding), ...alongBoth(padding)],
      dilations: [dilation, dilation],
      groups,
    });
    if (!bias) return y;
    const initialiser = options.biasInitialiser ?? uniform(1 / Math.sqrt(fanIn(shape)));
    return add(y, reshape(s.param('bias', [channels], initialiser), [1, channels, 1, 1]));
  });
}

export interface LinearOptions {
  /** Output features. */
  readonly features: number;
  /** Default true. */
  readonly bias?: boolean;
  /** Default: PyTorch's, uniform in ±1/√fanIn. */
  readonly initialiser?: Initialiser;
  /** Default: PyTorch's, uniform in ±1/√fanIn. */
  readonly biasInitialiser?: Initialiser;
}

/** y = x · Wᵀ + b with `weight` (features, inputs) and `bias`. (…, inputs) → (…, features). */
export function linear(s: Scope, x: Value, options: LinearOptions): Value {
  const { features, bias = true } = options;
  return s.locate(() => {
    const shape = [features, x.shape.at(-1)!];
    const y = matmul(x, swapLast(s.param('weight', shape, options.initialiser ?? pytorchDefault)));
    const initialiser = options.biasInitialiser ?? uniform(1 / Math.sqrt(fanIn(shape)));
    return bias ? add(y, s.param('bias', [features], initialiser)) : y;
  });
}

/**
 * In training sets each element to zero with probability p and scales the others by 1/(1-p) (Hinton et al. 2012). (…) →
 * the same shape.
 */
export function dropout(s: Scope, x: Value, p: number): Value {
  if (!s.training || p === 0) return x;
  return mul(x, mul(cast(s.mask('mask', x.shape, 1 - p), 'f32'), 1 / (1 - p)));
}

/**
 * Stochastic depth (Huang et al. 2016): in training sets all of an image to zero with probability p and scales the
 * others by 1/(1-p); for the residual branch of a block. torchvision's mode `row`. (n, …) → the same shape.
 */
export function stochasticDepth(s: Scope, x: Value, p: number): Value {
  if (!s.training || p === 0) return x;
  const shape = x.shape.map((d, axis) => (axis === 0 ? d : 1));
  return mul(x, mul(cast(s.mask('mask', shape, 1 - p), 'f32'), 1 / (1 - p)));
}

/** Layer normalisation over the last axis (Ba et al. 2016), with `weight` and `bias` (c). (…, c) → the same shape. */
export function layerNorm(s: Scope, x: Value, { epsilon = 1e-5 }: { readonly epsilon?: number } = {}): Value {
  const channels = [x.shape.at(-1)!];
  const weight = s.param('weight', channels, filled(1));
  return s.locate(() => layerNormalise(x, weight, s.param('bias', channels, filled(0)), epsilon));
}

/** Layer normalisation over the channels of each pixel. (n, c, h, w) → the same shape. */
export function layerNorm2d(s: Scope, x: Value, options: { readonly epsilon?: number } = {}): Value {
  return channelsFirst(layerNorm(s, channelsLast(x), options));
}

/** (n, c, h, w) → (n, h, w, c). */
export function channelsLast(x: Value): Value {
  return transpose(x, [0, 2, 3, 1]);
}

/** (n, h, w, c) → (n, c, h, w). */
export function channelsFirst(x: Value): Value {
  return transpose(x, [0, 3, 1, 2]);
}

/** The mean over the image. (n, c, h, w) → (n, c). */
export function globalAveragePool(x: Value): Value {
  return reduceMean(x, [2, 3]);
}

/** Adaptive average pooling to any size, as PyTorch's. (n, c, h, w) → (n, c, …size). */
export function adaptiveAveragePool(x: Value, size: readonly [number, number]): Value {
  return size[0] === 1 && size[1] === 1 ? reduceMean(x, [2, 3], true) : adaptive(x, size);
}

/**
 * Normalises bytes as in the network's training: (x/255 - mean) / std per channel. u8 (n, 3, h, w) → f32 of the same
 * shape.
 */
export function normalisePixels(
  pixels: Value,
  { mean, std }: { readonly mean: readonly number[]; readonly std: readonly number[] },
): Value {
  const perChannel = (values: readonly number[]) => constant(f32([1, values.length, 1, 1], values));
  return add(
    mul(cast(pixels, 'f32'), perChannel(std.map((s) => 1 / (255 * s)))),
    perChannel(mean.map((m, i) => -m / std[i]!)),
  );
}
