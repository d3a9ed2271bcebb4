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

/**
 * The greatest integer of a channel, from its two largest magnitudes. With 8 bits it is 127, without -128, so that the
 * range is symmetric. With 7 no two integers of a channel add up to more than 128, so that two products with activations
 * up to 255 fit into 16 bits: 64, or more where one weight stands out.
 */
const greatest: { readonly [B in WeightBits]: (first: number, second: number) => number } = {
  7: (first, second) => Math.min(127, Math.floor((128 * first) / (first + second))),
  8: () => 127,
};

/**
 * Weights as i8, symmetric, with a scale for each slice along `axis`: the largest magnitude of the slice is the largest
 * integer. `leastScales` are lower bounds.
 */
export function quantiseWeights(
  weight: OnnxTensor,
  axis: number,
  bits: WeightBits,
  leastScales: ArrayLike<number>,
): QuantisedWeights {
  const values = floatsOf(weight);
  const { shape } = weight;
  const channels = shape[axis]!;
  const inner = shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  const channelOf = (i: number) => Math.floor(i / inner) % channels;
  const first = new Float64Array(channels);
  const second = new Float64Array(channels);
  for (let i = 0; i < values.length; i++) {
    const channel = channelOf(i);
    const magnitude = Math.abs(values[i]!);
    second[channel] = Math.max(second[channel]!, Math.min(magnitude, first[channel]!));
    first[channel] = Math.max(first[channel]!, magnitude);
  }
  const scales = new Float32Array(channels);
  for (let c = 0; c < channels; c++) {
    const scale = Math.fround(Math.max(first[c]! / greatest[bits](first[c]!, second[c]!), leastScales[c] ?? 0));
    scales[c] = scale >= leastScale ? scale : 1;
  }
  const integers = new Int8Array(values.length);
  for (let i = 0; i < values.length; i++) {
    integers[i] = Math.max(-127, Math.min(127, Math.round(values[i]! / scales[channelOf(i)]!)));
  }
  return { weights: i8Tensor(shape, integers), scales };
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
