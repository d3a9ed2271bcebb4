import type { RandomStream } from '../base/random.ts';
import { type Shape, sizeOf } from '../base/tensor.ts';

/** Makes the first values of a parameter. */
export type Initialiser = (shape: Shape, stream: RandomStream) => Float32Array;

function fill(shape: Shape, next: () => number): Float32Array {
  const values = new Float32Array(sizeOf(shape));
  for (let i = 0; i < values.length; i++) values[i] = next();
  return values;
}

/** Every element the same. */
export function filled(value: number): Initialiser {
  return (shape) => fill(shape, () => value);
}

/** Uniform in [-bound, bound). */
export function uniform(bound: number): Initialiser {
  return (shape, stream) => fill(shape, () => (2 * stream.uniform() - 1) * bound);
}

/** Normal with mean 0. */
export function normal(standardDeviation: number): Initialiser {
  return (shape, stream) => fill(shape, () => stream.normal() * standardDeviation);
}

/** Normal with mean 0, drawn again beyond ±bound, which is absolute as in PyTorch's `trunc_normal_` (default 2). */
export function truncatedNormal(standardDeviation: number, bound = 2): Initialiser {
  return (shape, stream) =>
    fill(shape, () => {
      for (;;) {
        const value = stream.normal() * standardDeviation;
        if (Math.abs(value) <= bound) return value;
      }
    });
}

/** The number of inputs that feed one output of a weight (outputs, inputs, …kernel). */
export function fanIn(shape: Shape): number {
  return sizeOf(shape.slice(1));
}

/** The number of outputs that one input feeds. */
export function fanOut(shape: Shape): number {
  return shape[0]! * sizeOf(shape.slice(2));
}

/**
 * PyTorch's default for the weights of convolutions and linear layers, and with the weight's fan-in for their biases:
 * uniform in ±1/√fanIn (`kaiming_uniform_(a=√5)`; He et al. 2015).
 */
export const pytorchDefault: Initialiser = (shape, stream) => uniform(1 / Math.sqrt(fanIn(shape)))(shape, stream);

/** Uniform in ±√(6/fanIn), for layers before a ReLU (He et al. 2015). */
export const kaimingUniform: Initialiser = (shape, stream) => uniform(Math.sqrt(6 / fanIn(shape)))(shape, stream);

/** Normal with variance 2/fanIn, for layers before a ReLU (He et al. 2015, the forward form). */
export const kaimingNormal: Initialiser = (shape, stream) => normal(Math.sqrt(2 / fanIn(shape)))(shape, stream);

/** Normal with variance 2/fanOut, for layers before a ReLU (He et al. 2015, the backward form). */
export const kaimingNormalFanOut: Initialiser = (shape, stream) => normal(Math.sqrt(2 / fanOut(shape)))(shape, stream);

/**
 * Uniform in ±√(6/(fanIn + fanOut)), which keeps the variance forwards and backwards (Glorot & Bengio 2010, "xavier").
 */
export const glorotUniform: Initialiser = (shape, stream) =>
  uniform(Math.sqrt(6 / (fanIn(shape) + fanOut(shape))))(shape, stream);
