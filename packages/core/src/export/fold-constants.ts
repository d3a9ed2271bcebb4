import { type Shape, sizeOf } from '../base/tensor.ts';
import type { DecodedNode } from '../graph/index.ts';
import { pointwise, stridesOf } from '../ops/evaluate.ts';
import type { OnnxModel, OnnxTensor } from './onnx-model.ts';
import { f32Tensor, floatsOf, integerAttribute, integersOf, withoutUnused } from './onnx-numbers.ts';

type Fold = (node: DecodedNode, inputs: readonly OnnxTensor[]) => OnnxTensor | undefined;

const folds: Readonly<Record<string, Fold>> = {
  Add: arithmetic((a, b) => a + b),
  Sub: arithmetic((a, b) => a - b),
  Mul: arithmetic((a, b) => a * b),
  Div: arithmetic((a, b) => a / b),
  Sqrt: arithmetic(Math.sqrt),
  Reciprocal: arithmetic((a) => 1 / a),
  Reshape: reshaped,
  Transpose: transposed,
};

/**
 * Computes nodes whose inputs are all constants: the scales and shifts of batch norms, weights that are transposed or
 * reshaped. Each result is rounded to f32 as the runtime's is. Operators that no weight goes through are left to the
 * runtime, which folds them when a session is made.
 */
export function foldConstants(model: OnnxModel): OnnxModel {
  const initializers = new Map(model.initializers);
  const results = new Set(model.outputs.map(({ name }) => name));
  const nodes = model.nodes.filter((node) => {
    const inputs = node.inputs.map((name) => initializers.get(name));
    const [output] = node.outputs;
    const isFixed = node.domain === '' && inputs.every((tensor) => tensor !== undefined);
    if (!isFixed || output === undefined || results.has(output)) return true;
    const folded = folds[node.operator]?.(node, inputs);
    if (folded) initializers.set(output, folded);
    return folded === undefined;
  });
  return withoutUnused({ ...model, nodes, initializers });
}

/** Arithmetic on more numbers than this is no batch norm's, and left to the runtime. */
const mostNumbers = 2 ** 20;

/** Element by element, in double precision, rounded once. */
function arithmetic(f: (...elements: number[]) => number): Fold {
  return (_, inputs) => {
    const shape = inputs.map((tensor) => tensor.shape).reduce(broadcast);
    if (sizeOf(shape) > mostNumbers || inputs.some(({ dtype }) => dtype !== 'f32')) return undefined;
    const operands = inputs.map((tensor) => ({ shape: tensor.shape, numbers: Array.from(floatsOf(tensor)) }));
    return f32Tensor(shape, Float32Array.from(pointwise(f)(operands, { dtype: 'f32', shape }, {})));
  };
}

/** The shape that both broadcast to, in a model that is valid. */
function broadcast(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  const at = (shape: Shape, axis: number) => shape[axis - (rank - shape.length)] ?? 1;
  return Array.from({ length: rank }, (_, axis) => (at(a, axis) === 1 ? at(b, axis) : at(a, axis)));
}

function reshaped(node: DecodedNode, [tensor, target]: readonly OnnxTensor[]): OnnxTensor | undefined {
  if (!tensor || target?.dtype !== 'i64') return undefined;
  const keepsZero = integerAttribute(node, 'allowzero', 0) === 1;
  const sizes = integersOf(target).map((size, axis) => (size === 0 && !keepsZero ? tensor.shape[axis]! : size));
  const known = sizes.filter((size) => size !== -1).reduce((product, size) => product * size, 1);
  const shape = sizes.map((size) => (size === -1 ? sizeOf(tensor.shape) / known : size));
  return { ...tensor, shape };
}

/** The elements are moved as whole bytes, whatever their type. */
function transposed({ attributes }: DecodedNode, [tensor]: readonly OnnxTensor[]): OnnxTensor | undefined {
  if (!tensor) return undefined;
  const { shape, bytes } = tensor;
  const given = attributes.get('perm');
  const axes = given?.kind === 'ints' ? given.value : shape.map((_, axis) => shape.length - 1 - axis);
  const size = sizeOf(shape);
  const moved = { ...tensor, shape: axes.map((axis) => shape[axis]!) };
  if (size === 0 || axes.length === 0) return moved;
  const strides = axes.map((axis) => stridesOf(shape)[axis]!);
  if (bytes.length === 4 * size) {
    const words = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
    const from = new Uint32Array(words.buffer, words.byteOffset, size);
    const to = gather(from, new Uint32Array(size), moved.shape, strides);
    return { ...moved, bytes: new Uint8Array(to.buffer) };
  }
  if (bytes.length === size) return { ...moved, bytes: gather(bytes, new Uint8Array(size), moved.shape, strides) };
  return undefined;
}

/** Fills `to`, of a shape, with the elements of `from` at these strides. */
function gather<A extends Uint8Array | Uint32Array>(from: A, to: A, shape: Shape, strides: readonly number[]): A {
  const last = shape.length - 1;
  const index = shape.map(() => 0);
  let offset = 0;
  for (let i = 0; i < to.length; ) {
    const stride = strides[last]!;
    for (let k = 0; k < shape[last]!; k++) to[i++] = from[offset + k * stride]!;
    for (let axis = last - 1; axis >= 0; axis--) {
      offset += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      offset -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return to;
}
