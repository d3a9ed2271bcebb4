import { ShapeError } from '../base/errors.ts';
import { f32 } from '../base/tensor.ts';
import { constant, type OnnxBuilder, type OnnxNode, typeOf, type Value } from '../graph/index.ts';
import { atRuntime, defineOp, expectDType, ownBuffer, sameShape } from './define.ts';
import { mul, sub } from './elementwise.ts';
import { perInput, perOutput } from './flops.ts';
import { matmul } from './matmul.ts';
import { broadcastTo, reshape } from './shape.ts';

/*
 * As a composition, layer normalisation reads or writes its activations about 26 times in a step. ORT has a kernel for
 * the forward pass, which also outputs 1/√(σ² + ε); with the derivative worked out by hand that makes 13.
 */

type Attributes = { epsilon: number };

function expectPerChannel(x: Value, ...perChannel: readonly Value[]): void {
  expectDType('layerNorm', x, 'f32');
  for (const value of perChannel) {
    if (x.shape.length > 0 && sameShape(value.shape, x.shape.slice(-1)) && value.dtype === x.dtype) continue;
    throw new ShapeError({
      op: 'layerNorm',
      expected: `${typeOf(x)} with one number for each of the last axis`,
      received: typeOf(value),
    });
  }
}

/** One node for equal inputs. Its first output must have a name even where it is not used. */
function kernel(b: OnnxBuilder, inputs: readonly string[], { epsilon }: Attributes): { y: string; node: OnnxNode } {
  const node = b.node('LayerNormalization', inputs, { axis: -1, epsilon: { float: epsilon } });
  return { y: node.output(0), node };
}

/**
 * Weights and biases that change nothing: what both primitives get where only x̂ is wanted, so that they share a
 * kernel.
 */
function unit(x: Value): [x: Value, weight: Value, bias: Value] {
  const channels = x.shape.slice(-1);
  return [x, broadcastTo(constant(f32([], [1])), channels), broadcastTo(constant(f32([], [0])), channels)];
}

/*
 * With µ, σ² the moments of x over its last axis (c), r = 1/√(σ² + ε), x̂ = (x - µ)·r, y = w·x̂ + b and g = w·dy:
 * dx = r · (g - mean(g) - x̂ · mean(g·x̂)), dw = Σ dy·x̂, db = Σ dy   (Ba et al. 2016).
 */
const layerNormOp = defineOp<Attributes>('LayerNorm', {
  infer: ([x, ...perChannel]) => {
    expectPerChannel(x!, ...perChannel);
    return { dtype: x!.dtype, shape: x!.shape };
  },
  vjp: (dy, [x, weight], _y, attributes) => {
    const normalised = layerNormOp(unit(x!), attributes);
    const dw = mul(dy, normalised);
    // mean(g) = dy · w/c: a product with a column is a pass less than a product and its mean.
    const means = reshape(mul(weight!, 1 / weight!.shape[0]!), [-1, 1]);
    const centred = sub(mul(dy, weight!), matmul(dy, means));
    const dx = mul(sub(centred, mul(normalised, matmul(dw, means))), inverseDeviationOp(unit(x!), attributes));
    return [dx, dw, dy];
  },
  lowerings: { onnx: { lower: (b, inputs, _value, attributes) => kernel(b, inputs, attributes).y } },
  flops: perOutput(7), // as a batch norm
  memory: ownBuffer,
  evaluate: atRuntime,
});

/** r = 1/√(σ² + ε), (…, 1). dx = -dy · r² · x̂ / c. */
const inverseDeviationOp = defineOp<Attributes>('LayerNormInverseDeviation', {
  infer: ([x, ...perChannel]) => {
    expectPerChannel(x!, ...perChannel);
    return { dtype: x!.dtype, shape: [...x!.shape.slice(0, -1), 1] };
  },
  vjp: (dy, [x], r, attributes) => {
    const factor = mul(mul(dy, mul(r, r)), -1 / x!.shape.at(-1)!);
    return [mul(factor, layerNormOp(unit(x!), attributes)), null, null];
  },
  lowerings: { onnx: { lower: (b, inputs, _value, attributes) => kernel(b, inputs, attributes).node.output(2) } },
  flops: perInput(4), // mean, difference, its square and their mean
  memory: ownBuffer,
  evaluate: atRuntime,
});

/** (x - mean) / √(variance + ε) · weight + bias with the moments of the last axis. x (…, c), weight and bias (c). */
export function layerNormalise(x: Value, weight: Value, bias: Value, epsilon: number): Value {
  return layerNormOp([x, weight, bias], { epsilon });
}
