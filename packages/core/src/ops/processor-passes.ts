import type { OnnxBuilder, Value } from '../graph/index.ts';
import { hasManyPixels } from './channels.ts';
import { primitives } from './define.ts';

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
  // min(max(x · steepest, 0), 1): a comparison that is cast takes two passes, `Sign` and `Where` longer than both.
  shorten('IsPositive', 'onnx', (b, [x], { dtype }) =>
    dtype === 'f32' ? b.emit('HardSigmoid', [x!], { alpha: { float: steepest }, beta: { float: 0 } }) : undefined,
  );
}
