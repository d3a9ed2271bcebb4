import type { Value } from '../graph/index.ts';
import { atRuntime, defineOp, expectDType, lowerComposition, ownBuffer } from './define.ts';
import { add, erf, exp, mul, square, sub } from './elementwise.ts';
import { perOutput } from './flops.ts';

/*
 * As a composition, GELU reads or writes its activations 14 times in a step and keeps four of them for the backward
 * pass: with ConvNeXt that was a fifth of the time. These primitives keep x alone, and compute in fewer passes.
 */

const perElement = (op: string) => (x: Value) => {
  expectDType(op, x, 'f32');
  return { dtype: x.dtype, shape: x.shape };
};

/** φ(x) = exp(-x²/2) / √2π, with x/√2 squared, which `normalCdf` needs as well. */
function normalDensity(x: Value): Value {
  return exp(sub(-0.5 * Math.log(2 * Math.PI), square(mul(x, Math.SQRT1_2))));
}

const normalCdfOp = defineOp('NormalCdf', {
  infer: ([x]) => perElement('normalCdf')(x!),
  vjp: (dy, [x]) => [mul(dy, normalDensity(x!))],
  lowerings: {
    onnx: {
      lower: (b, names, { inputs }) => {
        const [error] = lowerComposition(b, names, inputs, (x) => [erf(mul(x!, Math.SQRT1_2))]);
        // (1 + erf) / 2 in one pass; the clipping to [0, 1] changes nothing.
        return b.emit('HardSigmoid', [error!], { alpha: { float: 0.5 }, beta: { float: 0.5 } });
      },
    },
  },
  flops: perOutput(4), // (1 + erf(x/√2)) / 2
  memory: ownBuffer,
  evaluate: atRuntime,
});

/** y = Φ(x) = (1 + erf(x/√2)) / 2, the normal distribution's share below x. dx = dy · φ(x). */
export function normalCdf(x: Value): Value {
  return normalCdfOp([x], {});
}

const geluOp = defineOp('Gelu', {
  infer: ([x]) => perElement('gelu')(x!),
  vjp: (dy, [x]) => [mul(dy, add(normalCdf(x!), mul(x!, normalDensity(x!))))],
  lowerings: {
    plain: {
      lower: (b, names, { inputs }) => lowerComposition(b, names, inputs, (x) => [mul(x!, normalCdf(x!))])[0]!,
    },
    /** ORT's own kernel: one pass. The backward pass computes Φ(x) again, which costs less than to keep it. */
    fused: { lower: (b, [x]) => b.emit('Gelu', [x!], {}, 'com.microsoft') },
  },
  flops: perOutput(5), // x · Φ(x)
  memory: ownBuffer,
  evaluate: atRuntime,
});

/** y = x · Φ(x), exact (Hendrycks & Gimpel 2016). dx = dy · (Φ(x) + x · φ(x)). */
export function gelu(x: Value): Value {
  return geluOp([x], {});
}
