import { ShapeError } from '../base/errors.ts';
import { sizeOf, tensor, zeros } from '../base/tensor.ts';
import { typeOf, type Value } from '../graph/index.ts';
import { atRuntime, defineOp, expectDType, expectRank, normaliseAxis, ownBuffer } from './define.ts';
import { free, perInput } from './flops.ts';
import { reshape } from './shape.ts';

const gatherOp = defineOp<{ axis: number; isDistinct: boolean }>('Gather', {
  infer: ([x, indices], { axis }) => {
    expectDType('gather', indices!, 'i64');
    expectRank('gather', indices!, 1, '(indices)');
    return { dtype: x!.dtype, shape: x!.shape.with(axis, indices!.shape[0]!) };
  },
  vjp: (dy, [x, indices], _y, { axis, isDistinct }) => [
    scatterAdd(dy, indices!, axis, x!.shape[axis]!, { isDistinct }),
    null,
  ],
  lowerings: {
    onnx: {
      // On a vector GatherElements takes a seventh of the time of Gather, which copies each number as if it were a row.
      lower: (b, inputs, value, { axis }) =>
        b.emit(value.inputs[0]!.shape.length === 1 ? 'GatherElements' : 'Gather', inputs, { axis }),
    },
  },
  flops: free,
  memory: ownBuffer,
  evaluate: ([x, indices], { shape }, { axis }) => {
    const length = x!.shape[axis]!;
    const inner = sizeOf(shape.slice(axis + 1));
    const outer = sizeOf(shape.slice(0, axis));
    const results: number[] = [];
    for (let row = 0; row < outer; row++) {
      for (const index of indices!.numbers) {
        const start = (row * length + index) * inner;
        for (let i = start; i < start + inner; i++) results.push(x!.numbers[i]!);
      }
    }
    return results;
  },
});

/** y[…, i, …] = x[…, indices[i], …] along an axis. Indices (i64) may have any rank; their axes replace the axis. */
export function gather(x: Value, indices: Value, axis = 0): Value {
  const at = normaliseAxis('gather', axis, x.shape.length);
  const rows = gatherOp([x, reshape(indices, [-1])], { axis: at, isDistinct: false });
  return reshape(rows, [...x.shape.slice(0, at), ...indices.shape, ...x.shape.slice(at + 1)]);
}

type ScatterAttributes = { axis: number; size: number; isDistinct: boolean };

const scatterAddOp = defineOp<ScatterAttributes>('ScatterAdd', {
  infer: ([values, indices], { axis, size }) => {
    expectDType('scatterAdd', indices!, 'i64');
    if (indices!.shape.length !== 1 || indices!.shape[0] !== values!.shape[axis]) {
      const expected = `i64[${values!.shape[axis]}] for axis ${axis} of ${typeOf(values!)}`;
      throw new ShapeError({ op: 'scatterAdd', expected, received: typeOf(indices!) });
    }
    return { dtype: values!.dtype, shape: values!.shape.with(axis, size) };
  },
  vjp: (dy, [, indices], _y, { axis, isDistinct }) => [gatherOp([dy, indices!], { axis, isDistinct }), null],
  lowerings: {
    /**
     * For distinct indices of a vector: MaxUnpool puts each number at its index, as if a max-pool of one element had
     * taken it.
     */
    unpool: {
      applies: (value, { isDistinct }) => isDistinct === true && value.dtype === 'f32' && value.shape.length === 1,
      lower: (b, [values, indices], value) => {
        const count = value.inputs[0]!.shape[0]!;
        const size = value.shape[0]!;
        const row = (name: string) => b.emit('Reshape', [name, b.integers([1, 1, count])]);
        const inputs = [row(values!), row(indices!), b.integers([1, 1, size])];
        const whole = b.emit('MaxUnpool', inputs, { kernel_shape: [1], strides: [1] });
        return b.emit('Reshape', [whole, b.integers(value.shape)]);
      },
    },
    elements: {
      // ScatterElements wants an index for every element: the list is stretched over the other axes.
      lower: (b, [values, indices], value, { axis }) => {
        const { shape } = value.inputs[0]!;
        const column = shape.map((d, i) => (i === axis ? d : 1));
        const stretched =
          shape.length === 1
            ? indices!
            : b.emit('Expand', [b.emit('Reshape', [indices!, b.integers(column)]), b.integers(shape)]);
        const fill = value.dtype === 'i64' ? tensor('i64', [1], new BigInt64Array(1)) : zeros(value.dtype, [1]);
        const blank = b.emit('Expand', [b.constant(fill), b.integers(value.shape)]);
        return b.emit('ScatterElements', [blank, stretched, values!], { axis, reduction: 'add' });
      },
    },
  },
  flops: perInput(1),
  memory: ownBuffer,
  evaluate: atRuntime,
});

/**
 * Zeros of length `size` along an axis, to which values[…, i, …] is added at indices[i] (i64, 1-d). They may repeat,
 * unless the caller knows that they do not (`isDistinct`), which is faster.
 */
export function scatterAdd(
  values: Value,
  indices: Value,
  axis: number,
  size: number,
  { isDistinct = false }: { readonly isDistinct?: boolean } = {},
): Value {
  const at = normaliseAxis('scatterAdd', axis, values.shape.length);
  return scatterAddOp([values, indices], { axis: at, size, isDistinct });
}
