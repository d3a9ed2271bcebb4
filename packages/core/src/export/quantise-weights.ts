import type { Shape } from '../base/tensor.ts';
import type { ActivationRange } from './activation-range.ts';
import type { WeightBits } from './names.ts';
import type { OnnxTensor } from './onnx-model.ts';
import { floatsOf, i8Tensor, i32Tensor } from './onnx-numbers.ts';

/** x ≈ (q - zeroPoint) · scale, q from 0 to 255. Zero is exact. */
export interface ActivationScale {
  readonly scale: number;
  readonly zeroPoint: number;
}

/** Below the least normal f32, a scale loses its digits. */
const leastScale = 2 ** -126;

/** The scale of a range, widened to hold zero: padding and ReLU make many zeros, and these must be exact. */
export function scaleOf({ minimum, maximum }: Pick<ActivationRange, 'minimum' | 'maximum'>): ActivationScale {
  const [lowest, highest] = [Math.min(0, minimum), Math.max(0, maximum)];
  const scale = Math.fround((highest - lowest) / 255);
  if (!(scale >= leastScale)) return { scale: 1, zeroPoint: 0 };
  return { scale, zeroPoint: Math.min(255, Math.round(-lowest / scale)) };
}

/** Weights of one scale for each output channel: w ≈ q · scale. */
export interface QuantisedWeights {
  readonly weights: OnnxTensor;
  readonly scales: Float32Array;
}

/** Products of two weights with activations up to 255 add up to 16 bits where the weights add up to this at most. */
const largestPair = 128;

/** The weights of one output channel as they lie in a tensor. */
interface Channel {
  readonly values: Float64Array;
  /** The mean square of what each weight is multiplied with; all 1 where it is not known. */
  readonly importance: Float64Array;
  /** Their positions in the order in which ONNX Runtime multiplies them; none where it does so one by one. */
  readonly order: ArrayLike<number>;
}

/** Rounds the weights of one channel at a scale, as the bits of weights allow. */
type Rounding = (channel: Channel, scale: number) => Int8Array;

const roundings: { readonly [B in WeightBits]: Rounding } = {
  7: rounded,
  8: rounded,
  auto: (channel, scale) => withoutLargePairs(rounded(channel, scale), channel.order),
};

function rounded({ values }: Channel, scale: number): Int8Array {
  const integers = new Int8Array(values.length);
  // Without -128, so that the range is symmetric.
  for (let i = 0; i < values.length; i++) integers[i] = Math.max(-127, Math.min(127, Math.round(values[i]! / scale)));
  return integers;
}

/** Takes from neighbours of one sign, half from each, what they are too much together. */
function withoutLargePairs(integers: Int8Array, order: ArrayLike<number>): Int8Array {
  for (let k = 1; k < order.length; k++) {
    const [a, b] = [order[k - 1]!, order[k]!];
    const sum = integers[a]! + integers[b]!;
    const excess = Math.abs(sum) - largestPair;
    if (excess <= 0) continue;
    integers[a] = integers[a]! - Math.sign(sum) * Math.ceil(excess / 2);
    integers[b] = integers[b]! - Math.sign(sum) * Math.floor(excess / 2);
  }
  return integers;
}

/** Candidates for the scale of a channel of 8-bit weights, as parts of the scale at which none is clipped. */
const scaleFactors = [1, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 1.05, 1.1, 1.2, 1.35, 1.5, 1.75, 2];

/** The least scale of a channel at which nothing is clipped and, with 7 bits, no two weights are too much together. */
function widestScale({ values }: Channel, bits: WeightBits): number {
  let [first, second] = [0, 0];
  for (const value of values) {
    const magnitude = Math.abs(value);
    second = Math.max(second, Math.min(magnitude, first));
    first = Math.max(first, magnitude);
  }
  if (first === 0) return 0;
  const most = bits === 7 ? Math.min(127, Math.floor((largestPair * first) / (first + second))) : 127;
  return first / most;
}

export interface WeightOptions {
  readonly bits: WeightBits;
  /** Lower bounds of the scales. */
  readonly leastScales?: ArrayLike<number>;
  /** Whether it is a depthwise convolution, whose products ONNX Runtime does not add in 16 bits. Default false. */
  readonly isDepthwise?: boolean;
  /** The mean square of each input channel, which weighs errors; default: all alike. */
  readonly importance?: Float64Array | undefined;
}

/**
 * Weights as i8, symmetric, with a scale for each slice along `axis`: of some candidates the one with the least squared
 * error of the products, clipping and rounding together.
 */
export function quantiseWeights(weight: OnnxTensor, axis: number, options: WeightOptions): QuantisedWeights {
  const { bits, leastScales = [], importance, isDepthwise = false } = options;
  const { shape } = weight;
  const values = floatsOf(weight);
  const channels = shape[axis]!;
  const scales = new Float32Array(channels);
  const integers = new Int8Array(values.length);
  const layout = layoutOf(shape, axis);
  const importances = importance && layout.inputs === importance.length ? importance : undefined;
  for (let c = 0; c < channels; c++) {
    const at = (i: number) => c * layout.perChannel + i * layout.stride;
    const channel: Channel = {
      values: Float64Array.from({ length: layout.count }, (_, i) => values[at(i)]!),
      importance: Float64Array.from({ length: layout.count }, (_, i) =>
        importances ? importances[Math.floor(i / layout.window)]! : 1,
      ),
      order: isDepthwise ? [] : layout.order,
    };
    const best = bestScale(channel, bits, leastScales[c] ?? 0);
    scales[c] = best.scale;
    best.integers.forEach((value, i) => {
      integers[at(i)] = value;
    });
  }
  return { weights: i8Tensor(shape, integers), scales };
}

function bestScale(channel: Channel, bits: WeightBits, least: number) {
  const widest = widestScale(channel, bits);
  let best: { scale: number; integers: Int8Array; error: number } | undefined;
  for (const factor of bits === 7 ? [1] : scaleFactors) {
    const wanted = Math.fround(Math.max(widest * factor, least));
    const scale = wanted >= leastScale ? wanted : 1;
    const integers = roundings[bits](channel, scale);
    let error = 0;
    for (let i = 0; i < integers.length; i++) {
      error += channel.importance[i]! * (integers[i]! * scale - channel.values[i]!) ** 2;
    }
    if (!best || error < best.error) best = { scale, integers, error };
  }
  return best!;
}

/** Where the weights of an output channel lie, and in which order ONNX Runtime multiplies them. */
function layoutOf(shape: Shape, axis: number) {
  const total = shape.reduce((product, size) => product * size, 1);
  const count = total / shape[axis]!;
  const window = axis === 0 ? shape.slice(2).reduce((product, size) => product * size, 1) : 1;
  const inputs = count / window;
  return {
    count,
    window,
    inputs,
    stride: axis === 0 ? 1 : shape[1]!,
    perChannel: axis === 0 ? count : 1,
    // Convolutions on integers run on images with the channels last: all channels of a pixel, then the next pixel.
    order: Int32Array.from({ length: count }, (_, k) => (k % inputs) * window + Math.floor(k / inputs)),
  };
}

/**
 * The least scale of each channel's weights at which its bias fits into 32 bits: it is an integer at the scale of the
 * products, input scale times weight scale. A channel whose weights are nearly zero beside its bias needs it.
 */
export function leastScalesFor(bias: Float32Array, inputScale: number): Float64Array {
  return Float64Array.from(bias, (value) => (Math.abs(value) / inputScale / (2 ** 31 - 1)) * 1.0001);
}

/** A bias as i32 at the scale of the products. */
export function quantiseBias(
  bias: Float32Array,
  scales: Float32Array,
  inputScale: number,
): { readonly bias: OnnxTensor; readonly scales: Float32Array } {
  const shape: Shape = [bias.length];
  const products = scales.map((scale) => scale * inputScale);
  return {
    bias: i32Tensor(
      shape,
      Int32Array.from(bias, (value, c) => Math.round(value / products[c]!)),
    ),
    scales: products,
  };
}

/** The mean of what rounding adds to each output, where the inputs have these means; padding counts as inputs. */
export function meanErrors(
  weight: OnnxTensor,
  axis: number,
  { weights, scales }: QuantisedWeights,
  means: Float64Array,
): Float64Array | undefined {
  const { count, window, inputs, stride, perChannel } = layoutOf(weight.shape, axis);
  const channels = scales.length;
  const groups = means.length / inputs;
  if (!Number.isInteger(groups) || channels % groups !== 0) return undefined;
  const values = floatsOf(weight);
  const integers = new Int8Array(weights.bytes.buffer, weights.bytes.byteOffset, values.length);
  return Float64Array.from({ length: channels }, (_, c) => {
    const first = Math.floor(c / (channels / groups)) * inputs;
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const at = c * perChannel + i * stride;
      sum += (integers[at]! * scales[c]! - values[at]!) * means[first + Math.floor(i / window)]!;
    }
    return sum;
  });
}
