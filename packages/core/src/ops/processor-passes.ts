import { f32, sizeOf } from '../base/tensor.ts';
import { constantTensor, type OnnxBuilder, type Value } from '../graph/index.ts';
import { hasManyPixels } from './channels.ts';
import { primitives } from './define.ts';
import { transposedAxes } from './shape.ts';

type Shorter = (b: OnnxBuilder, names: readonly string[], value: Value) => string | undefined;

/** Puts a form in the place of a primitive's own; undefined where its own is better. */
function shorten(primitive: string, name: string, shorter: Shorter): void {
  const { lowerings } = primitives().get(primitive)!;
  const own = lowerings[name]!;
  const lower: typeof own.lower = (b, names, value) =>
    (b.isBesideCpu ? undefined : shorter(b, names, value)) ?? own.lower(b, names, value);
  Object.assign(lowerings, { [name]: { lower } });
}

/** Above 1 / steepest, the smallest normal number, min(x · steepest, 1) is 1. */
const steepest = 2 ** 126;

/** Below, a sum is over so soon that the nodes around the product count, or its columns fill no vector. */
const fewestRows = 64;
const fewestColumns = 32;

/**
 * Gives primitives forms with fewer passes over memory, for ORT's processor kernels in Node. Pages and GPUs, where they were
 * not measured, keep the plain ones.
 */
export function shortenPasses(): void {
  // A product of matrices for each channel of each image writes no products that have to be read again.
  shorten('ChannelDot', 'sum', (b, names, { inputs: [x] }) => {
    if (!hasManyPixels(x!)) return undefined;
    const rows = b.integers([...x!.shape.slice(0, 2), 1, -1]);
    const [left, right] = names.map((name) => b.emit('Reshape', [name, rows]));
    const products = b.emit('FusedMatMul', [left!, right!], { transB: 1 }, 'com.microsoft');
    return b.emit('ReduceSum', [products, b.integers([0, 2, 3])], { keepdims: 0 });
  });
  // Over leading axes, a row of ones times a matrix: the kernel of sums takes two to six times as long, and rounds more.
  shorten('ReduceSum', 'onnx', (b, [x], value) => {
    const { dtype, shape } = value.inputs[0]!;
    const axes = value.attributes.axes as readonly number[];
    const [rows, columns] = [sizeOf(shape.slice(0, axes.length)), sizeOf(shape.slice(axes.length))];
    const isLeading = axes.every((axis, i) => axis === i);
    if (dtype !== 'f32' || !isLeading || rows < fewestRows || columns < fewestColumns) return undefined;
    const ones = b.emit('Expand', [b.constant(f32([], [1])), b.integers([1, rows])]);
    const product = b.emit('MatMul', [ones, b.emit('Reshape', [x!, b.integers([rows, columns])])]);
    return b.emit('Reshape', [product, b.integers(value.shape)]);
  });
  // The transpose of a constant would be made while the session opens, by one thread, as a third copy of the weights.
  shorten('MatMul', 'onnx', (b, [x, w], { inputs: [, transposed] }) => {
    const isFrozen = transposedAxes(transposed!)?.length === 2 && constantTensor(transposed!.inputs[0]!);
    if (!isFrozen || transposed!.dtype !== 'f32' || !b.features.has('fusedMatMul')) return undefined;
    return b.emit('FusedMatMul', [x!, b.inputsOf(w!)![0]!], { transB: 1 }, 'com.microsoft');
  });
  // min(max(x · steepest, 0), 1): a comparison that is cast takes two passes, `Sign` and `Where` longer than both.
  shorten('IsPositive', 'onnx', (b, [x], { dtype }) =>
    dtype === 'f32' ? b.emit('HardSigmoid', [x!], { alpha: { float: steepest }, beta: { float: 0 } }) : undefined,
  );
}
