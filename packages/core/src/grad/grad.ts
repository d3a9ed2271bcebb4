import { f32, type Shape } from '../base/tensor.ts';
import { buildListener, constant, reachable, typeOf, type Value } from '../graph/index.ts';
import { add, broadcastTo, reduceSum, reshape } from '../ops/index.ts';
import { besides } from '../ops/shape.ts';

/**
 * The gradient of a scalar with respect to some values, as new values of the same graph: it can be differentiated
 * again. A gradient has the type of its value. The values are a list, or a record such as a network's parameters, and the gradients come in the same form. A
 * value that the scalar does not depend on has the gradient zero.
 *
 * @throws Error where `output` is not a scalar; use `vjp` with a cotangent for anything else.
 * @example
 * const [dx] = grad(reduceSum(square(x)), [x]);
 * const gradients = grad(loss, parameters); // gradients['fc.weight'] has the shape of parameters['fc.weight']
 */
export function grad(output: Value, wrt: readonly Value[], options?: GradOptions): Value[];
export function grad<Name extends string>(
  output: Value,
  wrt: Readonly<Record<Name, Value>>,
  options?: GradOptions,
): Record<Name, Value>;
export function grad(
  output: Value,
  wrt: readonly Value[] | Readonly<Record<string, Value>>,
  options: GradOptions = {},
): Value[] | Record<string, Value> {
  if (output.shape.length !== 0) throw new Error(`grad: the output must be a scalar, not ${typeOf(output)}`);
  const gradients = vjp([output], [constant(f32([], [1]))], Object.values(wrt), options);
  if (Array.isArray(wrt)) return gradients;
  return Object.fromEntries(Object.keys(wrt).map((name, i) => [name, gradients[i]!]));
}

export interface GradOptions {
  /**
   * Values not to differentiate through, which count as constants: `stop_gradients` of TensorFlow's `tf.gradients`. As
   * if `stopGradient` stood behind each, without building the graph again. Default: none.
   */
  readonly stopGradients?: Iterable<Value>;
}

/**
 * Pulls cotangents of the outputs, each of its output's shape, back to the values in `wrt` (reverse mode; Griewank &
 * Walther 2008, ch. 3): Σ cotangentᵀ · ∂output/∂value, of the value's shape.
 */
export function vjp(
  outputs: readonly Value[],
  cotangents: readonly Value[],
  wrt: readonly Value[],
  { stopGradients = [] }: GradOptions = {},
): Value[] {
  const order = reachable(outputs);
  const needed = dependents(order, new Set(wrt), new Set(stopGradients));
  const collected = new Map<Value, Value>();
  const collect = (value: Value, cotangent: Value) => {
    const summed = sumTo(cotangent, value.shape);
    const before = collected.get(value);
    collected.set(value, before ? (besides(before, summed) ?? add(before, summed)) : summed);
  };
  outputs.forEach((output, i) => {
    collect(output, cotangents[i]!);
  });
  // Each value after everything that uses it, so that its cotangent is complete.
  for (const value of order.reverse()) {
    const dy = collected.get(value);
    if (!dy || !value.inputs.some((operand) => needed.has(operand))) continue;
    buildListener?.pulled(value);
    const pulled = value.op.vjp(dy, value.inputs, value);
    value.inputs.forEach((operand, i) => {
      const cotangent = pulled[i];
      if (cotangent && needed.has(operand)) collect(operand, cotangent);
    });
  }
  buildListener?.pulled();
  return wrt.map((value) => collected.get(value) ?? broadcastTo(constant(f32([], [0])), value.shape));
}

/** The values that depend on one of `sources`, not through `stops`: the only ones through which a gradient must flow. */
function dependents(order: readonly Value[], sources: ReadonlySet<Value>, stops: ReadonlySet<Value>): Set<Value> {
  const found = new Set<Value>();
  for (const value of order) {
    if (stops.has(value)) continue;
    if (sources.has(value) || value.inputs.some((operand) => found.has(operand))) found.add(value);
  }
  return found;
}

/** Sums a cotangent down to the shape that its value had before it was broadcast, so that no VJP has to. */
function sumTo(cotangent: Value, shape: Shape): Value {
  const extra = cotangent.shape.length - shape.length;
  const axes = cotangent.shape.flatMap((d, i) => (i < extra || (shape[i - extra] === 1 && d !== 1) ? [i] : []));
  const kept = cotangent.shape.map((d, i) => (axes.includes(i) ? 1 : d)).slice(Math.max(0, extra));
  const summed = axes.length > 0 ? reshape(reduceSum(cotangent, axes), kept) : cotangent;
  // A rule may give a cotangent that is smaller than the value (a constant 0.5, say): stretch it.
  return broadcastTo(summed, shape);
}
