import { ShapeError } from '../base/errors.ts';
import { type Shape, sizeOf, zeros } from '../base/tensor.ts';
import { constant, typeOf, type Value } from '../graph/index.ts';
import { alias, atRuntime, broadcastShapes, defineOp, normaliseAxis, ownBuffer, sameShape } from './define.ts';
import { readBroadcast, readView, sameNumbers, stridesOf } from './evaluate.ts';
import { free } from './flops.ts';

const reshapeOp = defineOp<{ shape: Shape }>('Reshape', {
  infer: ([x], { shape }) => {
    if (sizeOf(shape) !== sizeOf(x!.shape) || !shape.every(Number.isInteger)) {
      throw new ShapeError({ op: 'reshape', expected: `${sizeOf(x!.shape)} elements`, received: `[${shape}]` });
    }
    return { dtype: x!.dtype, shape };
  },
  vjp: (dy, [x]) => [reshape(dy, x!.shape)],
  lowerings: {
    onnx: { lower: (b, [x], _value, { shape }) => b.emit('Reshape', [x!, b.integers(shape)], { allowzero: 1 }) },
  },
  flops: free,
  memory: alias,
  evaluate: sameNumbers,
});

/** The same elements under another shape. One dimension may be -1: what is left. */
export function reshape(x: Value, shape: Shape): Value {
  const known = shape.reduce((product, d) => (d === -1 ? product : product * d), 1);
  const resolved = shape.map((d) => (d === -1 ? sizeOf(x.shape) / known : d));
  return sameShape(resolved, x.shape) ? x : reshapeOp([x], { shape: resolved });
}

/** (n, …) → (n, product of the rest). */
export function flatten(x: Value): Value {
  return reshape(x, [x.shape[0]!, -1]);
}

const transposeOp = defineOp<{ axes: readonly number[] }>('Transpose', {
  infer: ([x], { axes }) => {
    if ([...axes].sort((a, b) => a - b).join() !== x!.shape.map((_, i) => i).join()) {
      const expected = `a permutation of ${x!.shape.length} axes`;
      throw new ShapeError({ op: 'transpose', expected, received: `[${axes}]` });
    }
    return { dtype: x!.dtype, shape: axes.map((axis) => x!.shape[axis]!) };
  },
  vjp: (dy, _inputs, _y, { axes }) => [
    transpose(
      dy,
      axes.map((_, i) => axes.indexOf(i)),
    ),
  ],
  lowerings: {
    onnx: { lower: (b, [x], _value, { axes }) => b.emit('Transpose', [x!], { perm: axes }) },
  },
  flops: free,
  memory: ownBuffer,
  evaluate: ([x], { shape }, { axes }) => {
    const strides = stridesOf(x!.shape);
    return readView(shape, x!, { start: 0, strides: axes.map((axis) => strides[axis]!) });
  },
});

/** Output axis i is input axis axes[i]. Of a transpose it is one of what was transposed; where nothing moves, that itself. */
export function transpose(x: Value, axes: readonly number[]): Value {
  const before = transposedAxes(x);
  if (before?.length === axes.length && axes.every((axis) => axis in before)) {
    return transpose(
      x.inputs[0]!,
      axes.map((axis) => before[axis]!),
    );
  }
  return sameShape(
    axes,
    x.shape.map((_, i) => i),
  )
    ? x
    : transposeOp([x], { axes });
}

/** The axes by which `transpose` made this value, or undefined for any other. */
export function transposedAxes(value: Value): readonly number[] | undefined {
  return value.op === transposeOp.primitive ? (value.attributes.axes as readonly number[]) : undefined;
}

/** (…, m, n) → (…, n, m). */
export function swapLast(x: Value): Value {
  const axes = x.shape.map((_, i) => i);
  const last = axes.length - 1;
  return transpose(x, [...axes.slice(0, last - 1), last, last - 1]);
}

// The cotangent keeps the broadcast shape: `grad` sums it down, here as everywhere.
const broadcastOp = defineOp<{ shape: Shape }>('BroadcastTo', {
  infer: ([x], { shape }) => {
    const result = broadcastShapes('broadcastTo', x!, { dtype: x!.dtype, shape });
    if (!sameShape(result, shape)) {
      throw new ShapeError({ op: 'broadcastTo', expected: `something that fits [${shape}]`, received: typeOf(x!) });
    }
    return { dtype: x!.dtype, shape };
  },
  vjp: (dy) => [dy],
  lowerings: { onnx: { lower: (b, [x], _value, { shape }) => b.emit('Expand', [x!, b.integers(shape)]) } },
  flops: free,
  memory: ownBuffer,
  evaluate: ([x], { shape }) => readBroadcast(shape, x!),
});

/** Repeats x along its axes of length 1 and new leading axes, as in NumPy. */
export function broadcastTo(x: Value, shape: Shape): Value {
  return sameShape(x.shape, shape) ? x : broadcastOp([x], { shape });
}

/** The value before it was broadcast, or the value itself. Elementwise operators broadcast without being asked. */
export function beforeBroadcast(value: Value): Value {
  return value.op === broadcastOp.primitive ? value.inputs[0]! : value;
}

const concatOp = defineOp<{ axis: number }>('Concat', {
  infer: (inputs, { axis }) => {
    const [first] = inputs;
    for (const other of inputs) {
      const fits = other.shape.length === first!.shape.length && other.dtype === first!.dtype;
      if (!fits || other.shape.some((d, i) => i !== axis && d !== first!.shape[i])) {
        const expected = `${typeOf(first!)} but for axis ${axis}`;
        throw new ShapeError({ op: 'concat', expected, received: typeOf(other) });
      }
    }
    const length = inputs.reduce((sum, x) => sum + x.shape[axis]!, 0);
    return { dtype: first!.dtype, shape: first!.shape.map((d, i) => (i === axis ? length : d)) };
  },
  vjp: (dy, inputs, _y, { axis }) => separated(dy, inputs, axis),
  lowerings: { onnx: { lower: (b, inputs, _value, { axis }) => b.emit('Concat', inputs, { axis }) } },
  flops: free,
  memory: ownBuffer,
  evaluate: (inputs, { shape }, { axis }) => {
    const inner = sizeOf(shape.slice(axis + 1));
    const outer = sizeOf(shape.slice(0, axis));
    const results: number[] = [];
    for (let row = 0; row < outer; row++) {
      for (const { shape: own, numbers } of inputs) {
        const length = own[axis]! * inner;
        for (let i = row * length; i < (row + 1) * length; i++) results.push(numbers[i]!);
      }
    }
    return results;
  },
});

/** Joins values along an axis. */
export function concat(values: readonly Value[], axis: number): Value {
  const [first] = values;
  if (!first) throw new ShapeError({ op: 'concat', expected: 'at least one value', received: 'none' });
  return values.length === 1 ? first : concatOp(values, { axis: normaliseAxis('concat', axis, first.shape.length) });
}

/** What the concatenation of these parts has of each, along this axis. */
export function separated(whole: Value, parts: readonly Value[], axis: number): Value[] {
  let offset = 0;
  return parts.map((part) => {
    const start = offset;
    offset += part.shape[axis]!;
    return sliceAxis(whole, axis, start, offset);
  });
}

/** What `concat` joined along this axis, however often; for any other value, itself. */
export function joined(value: Value, axis: number): readonly Value[] {
  const isJoined = value.op === concatOp.primitive && value.attributes.axis === axis;
  return isJoined ? value.inputs.flatMap((part) => joined(part, axis)) : [value];
}

type SliceAttributes = { starts: readonly number[]; ends: readonly number[]; steps: readonly number[] };

// Starts and ends are in [0, d], or where the step is negative in [-1, d-1]: -1 is then the end behind the front.
const sliceOp = defineOp<SliceAttributes>('Slice', {
  infer: ([x], { starts, ends, steps }) => {
    const rank = x!.shape.length;
    if (starts.length !== rank || ends.length !== rank || steps.length !== rank || steps.includes(0)) {
      throw new ShapeError({
        op: 'slice',
        expected: `${rank} starts, ends and steps other than 0`,
        received: `[${starts}], [${ends}], [${steps}]`,
      });
    }
    const inside = (place: number, i: number) => {
      const first = steps[i]! > 0 ? 0 : -1;
      return place >= first && place <= first + x!.shape[i]!;
    };
    if (!starts.every(inside) || !ends.every(inside)) {
      const received = `[${starts}] to [${ends}] in steps of [${steps}]`;
      throw new ShapeError({ op: 'slice', expected: `places within ${typeOf(x!)}`, received });
    }
    return {
      dtype: x!.dtype,
      shape: starts.map((start, i) => Math.max(0, Math.ceil((ends[i]! - start) / steps[i]!))),
    };
  },
  vjp: (dy, [x], _y, { starts, steps }) => [unslice(dy, x!.shape, starts, steps)],
  lowerings: {
    onnx: {
      lower: (b, [x], value, { starts, ends, steps }) => {
        const shape = value.inputs[0]!.shape;
        const axes = shape.flatMap((d, i) => (starts[i] === 0 && ends[i] === d && steps[i] === 1 ? [] : [i]));
        const pick = (list: readonly number[]) => b.integers(axes.map((axis) => list[axis]!));
        // In ONNX a negative end counts from the back, so "past the front" is a number below -d.
        const onnxEnds = ends.map((end, i) => (end < 0 ? -shape[i]! - 1 : end));
        return b.emit('Slice', [x!, pick(starts), pick(onnxEnds), b.integers(axes), pick(steps)]);
      },
    },
  },
  flops: free,
  memory: ownBuffer,
  evaluate: ([x], { shape }, { starts, steps }) => {
    const strides = stridesOf(x!.shape);
    return readView(shape, x!, {
      start: strides.reduce((sum, stride, axis) => sum + starts[axis]! * stride, 0),
      strides: strides.map((stride, axis) => steps[axis]! * stride),
    });
  },
});

/** x[start:end:step] on every axis, ends exclusive. A negative step runs backwards, down to an end of -1. */
export function slice(
  x: Value,
  starts: readonly number[],
  ends: readonly number[],
  steps: readonly number[] = starts.map(() => 1),
): Value {
  const whole = x.shape.every((d, i) => starts[i] === 0 && ends[i] === d && steps[i] === 1);
  return whole ? x : sliceOp([x], { starts, ends, steps });
}

/** x[start:end] along one axis. */
export function sliceAxis(x: Value, axis: number, start: number, end: number): Value {
  const at = normaliseAxis('sliceAxis', axis, x.shape.length);
  return slice(
    x,
    x.shape.map((_, i) => (i === at ? start : 0)),
    x.shape.map((d, i) => (i === at ? end : d)),
  );
}

/** Reverses some axes. */
export function flip(x: Value, axes: readonly number[]): Value {
  const turned = x.shape.map((_, i) => axes.includes(i));
  return slice(
    x,
    x.shape.map((d, i) => (turned[i] ? d - 1 : 0)),
    x.shape.map((d, i) => (turned[i] ? -1 : d)),
    turned.map((t) => (t ? -1 : 1)),
  );
}

/** Moves everything `by` places forward along an axis, and what leaves at the end to the front. Negative: backward. */
export function roll(x: Value, axis: number, by: number): Value {
  const length = x.shape[axis]!;
  const front = ((by % length) + length) % length;
  if (front === 0) return x;
  return concat([sliceAxis(x, axis, length - front, length), sliceAxis(x, axis, 0, length - front)], axis);
}

/** The transpose of `slice`: dy laid into zeros of `shape` at the places the slice took. */
function unslice(dy: Value, shape: Shape, starts: readonly number[], steps: readonly number[]): Value {
  if (sizeOf(dy.shape) === 0) return constant(zeros('f32', shape));
  // A backward axis is turned round first; then the places ascend from `first` in steps of |step|.
  const forward = flip(
    dy,
    steps.flatMap((step, i) => (step < 0 ? [i] : [])),
  );
  const first = starts.map((start, i) => (steps[i]! < 0 ? start + (dy.shape[i]! - 1) * steps[i]! : start));
  const spread = steps.reduce((value, step, axis) => insertZeros(value, axis, Math.abs(step)), forward);
  return pad(
    spread,
    first,
    shape.map((d, i) => d - first[i]! - spread.shape[i]!),
  );
}

/** Puts step-1 zeros between neighbours along an axis: length d → (d-1)·step + 1. */
function insertZeros(x: Value, axis: number, step: number): Value {
  if (step === 1 || x.shape[axis] === 1) return x;
  const length = x.shape[axis]!;
  const column = reshape(x, [...x.shape.slice(0, axis + 1), 1, ...x.shape.slice(axis + 1)]);
  const none = column.shape.map(() => 0);
  const wide = pad(column, none, none.with(axis + 1, step - 1));
  return sliceAxis(reshape(wide, x.shape.with(axis, length * step)), axis, 0, (length - 1) * step + 1);
}

const padOp = defineOp<{ before: readonly number[]; after: readonly number[] }>('Pad', {
  infer: ([x], { before, after }) => {
    const rank = x!.shape.length;
    const lists = [before, after];
    if (lists.some((list) => list.length !== rank || list.some((n) => n < 0))) {
      throw new ShapeError({
        op: 'pad',
        expected: `${rank} widths of 0 or more on each side of ${typeOf(x!)}`,
        received: `before [${before}], after [${after}]`,
      });
    }
    return { dtype: x!.dtype, shape: x!.shape.map((d, i) => d + before[i]! + after[i]!) };
  },
  vjp: (dy, [x], _y, { before }) => [
    slice(
      dy,
      before,
      before.map((start, i) => start + x!.shape[i]!),
    ),
  ],
  lowerings: {
    onnx: { lower: (b, [x], _value, { before, after }) => b.emit('Pad', [x!, b.integers([...before, ...after])]) },
  },
  flops: free,
  memory: ownBuffer,
  evaluate: atRuntime,
});

/**
 * The sum of two parts of a whole, each with zeros around it, that lie side by side: together, with fewer zeros. Null for any
 * others. So the derivatives of slices, as of a split, become what was cut apart.
 */
export function besides(a: Value, b: Value): Value | null {
  return a.op === padOp.primitive && b.op === padOp.primitive ? (leftAndRight(a, b) ?? leftAndRight(b, a)) : null;
}

function leftAndRight(a: Value, b: Value): Value | null {
  const widths = (value: Value) => value.attributes as { before: readonly number[]; after: readonly number[] };
  const [[left], [right]] = [a.inputs as [Value], b.inputs as [Value]];
  const [{ before, after }, other] = [widths(a), widths(b)];
  const axis = after.findIndex((n, i) => n !== other.after[i]);
  const place = before.with(axis, before[axis]! + left.shape[axis]!);
  const isBeside = sameShape(place, other.before) && sameShape(after.with(axis, 0), other.after.with(axis, 0));
  return isBeside ? pad(concat([...joined(left, axis), ...joined(right, axis)], axis), before, other.after) : null;
}

/** Zeros around x: before[i] in front of axis i, after[i] behind it. */
export function pad(x: Value, before: readonly number[], after: readonly number[]): Value {
  return [...before, ...after].every((n) => n === 0) ? x : padOp([x], { before, after });
}
