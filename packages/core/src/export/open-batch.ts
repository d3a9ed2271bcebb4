import { UserError } from '../base/errors.ts';
import { i64 } from '../base/tensor.ts';
import { GraphPart } from './graph-part.ts';
import type { OnnxModel, OnnxTensor } from './onnx-model.ts';

/**
 * Batch sizes that no length of a network is likely to be, so that what differs between the models of two of them is
 * the batch's.
 */
const trialSizes = [1009, 1013] as const;

/**
 * A model whose batch is open, of the models of two batch sizes. They have the same nodes and differ in lists of
 * integers, the shapes of reshapes and the like, in which the batch is a factor: those are computed from the first
 * input's batch, which is called `n`.
 *
 * @param modelOf the model of a batch size
 * @throws UserError where they differ in anything else
 */
export function openBatch(modelOf: (batchSize: number) => OnnxModel): OnnxModel {
  const [first, second] = trialSizes.map(modelOf) as [OnnxModel, OnnxModel];
  assertSameNodes(first, second);
  const part = new GraphPart('batch');
  const input = first.inputs[0]!.name;
  const initializers = new Map(first.initializers);
  const computed = new Map<string, string>();
  for (const [name, tensor] of first.initializers) {
    const other = second.initializers.get(name);
    if (!other || !haveSameShape(tensor, other)) throw cannot(`the tensor ${name} has the batch in its shape`);
    if (areEqual(tensor.bytes, other.bytes)) continue;
    initializers.delete(name);
    const { base, factors } = sizesOf(name, tensor, other);
    const open = factors.flatMap((factor, i) => (factor === 0 ? [] : [i]));
    // -1 is what is left of the elements, and leaves ONNX Runtime the shape that it can plan with.
    const isReshape = first.nodes.every(({ operator, inputs }) => operator === 'Reshape' || !inputs.includes(name));
    if (isReshape && open.length === 1 && !base.includes(-1)) {
      initializers.set(name, integers(base.with(open[0]!, -1)));
    } else {
      const n = part.node('Slice', [part.node('Shape', [input]), part.integers(0), part.integers(1)]);
      const product = part.node('Mul', [n, part.integers(...factors)]);
      computed.set(name, part.node('Add', [product, part.integers(...base)]));
    }
  }
  const named = (name: string) => computed.get(name) ?? name;
  return {
    ...first,
    nodes: [...part.nodes, ...first.nodes.map((node) => ({ ...node, inputs: node.inputs.map(named) }))],
    initializers: new Map([...part.initializers, ...initializers]),
    inputs: first.inputs.map(withOpenBatch),
    outputs: first.outputs.map(withOpenBatch),
  };
}

function withOpenBatch<S extends { readonly shape: readonly (number | string)[] }>(slot: S): S {
  return { ...slot, shape: ['n', ...slot.shape.slice(1)] };
}

/** @throws UserError where two models are not of the same nodes with the same attributes */
function assertSameNodes(first: OnnxModel, second: OnnxModel): void {
  const described = ({ nodes }: OnnxModel, i: number) => {
    const { operator, domain, inputs, outputs, attributes } = nodes[i]!;
    return JSON.stringify([operator, domain, inputs, outputs, [...attributes]]);
  };
  const isSame = first.nodes.length === second.nodes.length;
  const different = isSame ? first.nodes.findIndex((_, i) => described(first, i) !== described(second, i)) : 0;
  if (!isSame || different !== -1) throw cannot(`its ${first.nodes[different]?.operator} node depends on the batch`);
}

/** The integers of a list as base + factor · n. @throws UserError where they are not */
function sizesOf(name: string, first: OnnxTensor, second: OnnxTensor): { base: number[]; factors: number[] } {
  if (first.dtype !== 'i64' || first.shape.length !== 1) throw cannot(`the tensor ${name} depends on the batch`);
  const [a, b] = [first, second].map(({ bytes }) => Array.from(new BigInt64Array(bytes.slice().buffer), Number));
  const [small, large] = trialSizes;
  const factors = a!.map((value, i) => (b![i]! - value) / (large - small));
  const base = a!.map((value, i) => value - factors[i]! * small);
  if (factors.every(Number.isInteger)) return { base, factors };
  throw cannot(`the tensor ${name} does not grow with the batch`);
}

function integers(values: readonly number[]): OnnxTensor {
  const { data } = i64([values.length], values);
  return { dtype: 'i64', shape: [values.length], bytes: new Uint8Array(data.buffer) };
}

function haveSameShape(a: OnnxTensor, b: OnnxTensor): boolean {
  return a.dtype === b.dtype && a.shape.length === b.shape.length && a.shape.every((size, i) => size === b.shape[i]);
}

function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false; // `every` takes ten times as long
  return true;
}

function cannot(reason: string): UserError {
  return new UserError(`This network cannot take a batch of any size: ${reason}. Export it for one batch size.`);
}
