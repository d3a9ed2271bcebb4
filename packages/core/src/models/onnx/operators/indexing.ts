import { i64, numbersOf, sizeOf } from '../../../base/tensor.ts';
import { constant, constantTensor, type Value } from '../../../graph/index.ts';
import { beforeBroadcast, broadcastTo, cast, concat, gather, reshape, slice, sliceAxis } from '../../../ops/index.ts';
import { tensorOf } from '../constants.ts';
import type { Handlers, NodeCall } from '../node-call.ts';

/**
 * A value before it was repeated along the batch: a class token, say. Undefined where it differs from image to image.
 */
function repeated(x: Value): Value | undefined {
  if (x.shape[0] === 1) return x;
  const source = beforeBroadcast(x);
  return source !== x && (source.shape.length < x.shape.length || source.shape[0] === 1) ? source : undefined;
}

/** In a batch of another size than the file's, a part that is the same for all images is repeated once for each. */
function joined(call: NodeCall): Value {
  const values = call.inputs
    .map((_, i) => call.value(i))
    .filter(({ shape }) => !(shape.length === 1 && shape[0] === 0));
  const [first] = values;
  if (!first) return call.value(0);
  const axis = call.axis(call.int('axis', 1), first.shape.length);
  if (axis === 0) return concat(values, axis);
  const batch = (values.find((x) => !repeated(x)) ?? first).shape[0]!;
  const stretch = (x: Value) => {
    const source = x.shape[0] === batch ? undefined : repeated(x);
    return source ? broadcastTo(source, x.shape.with(0, batch)) : x;
  };
  return concat(values.map(stretch), axis);
}

function split(call: NodeCall): Value[] {
  const x = call.value(0);
  const axis = call.axis(call.int('axis', 0), x.shape.length);
  const length = x.shape[axis]!;
  const count = call.int('num_outputs', call.node.outputs.length);
  if (count !== call.node.outputs.length) call.fail(`has ${call.node.outputs.length} outputs, not ${count}`);
  const part = Math.ceil(length / count);
  const even = Array.from({ length: count }, (_, i) => Math.max(0, Math.min(part, length - i * part)));
  const lengths = call.list('split', 1) ?? even;
  if (lengths.length !== count || lengths.some((n) => n < 0) || lengths.reduce((a, b) => a + b, 0) !== length) {
    call.fail(`splits ${length} into [${lengths.slice(0, 20)}]`);
  }
  let start = 0;
  return lengths.map((n) => {
    start += n;
    return sliceAxis(x, axis, start - n, start);
  });
}

/** Starts and ends count from the back where negative, and are cut to what there is. */
function sliced(call: NodeCall): Value {
  const x = call.value(0);
  const rank = x.shape.length;
  const starts = call.list('starts', 1) ?? call.fail('has no starts');
  const ends = call.list('ends', 2) ?? call.fail('has no ends');
  const axes = call.axes(3, rank) ?? starts.map((_, i) => call.axis(i, rank));
  const steps = call.has(4) ? call.integers(4) : starts.map(() => 1);
  const counts = [starts, ends, axes, steps].map((list) => list.length);
  if (counts.some((count) => count !== starts.length)) call.fail(`has lists of ${counts.join(', ')} numbers`);
  const whole = { starts: x.shape.map(() => 0), ends: [...x.shape], steps: x.shape.map(() => 1) };
  axes.forEach((axis, i) => {
    const d = x.shape[axis]!;
    const start = starts[i]!;
    const end = ends[i]!;
    const step = steps[i]!;
    if (step === 0) call.fail('has a step of 0');
    const [low, high] = step > 0 ? [0, d] : [-1, d - 1];
    const place = (at: number) => Math.max(low, Math.min(high, at < 0 ? at + d : at));
    whole.starts[axis] = step > 0 ? place(start) : Math.max(0, place(start));
    whole.ends[axis] = place(end);
    whole.steps[axis] = step;
  });
  return slice(x, whole.starts, whole.ends, whole.steps);
}

function picked(call: NodeCall): Value {
  const x = call.value(0);
  const indices = call.value(1);
  const axis = call.axis(call.int('axis', 0), x.shape.length);
  const d = x.shape[axis]!;
  const known = constantTensor(indices);
  if (!known) return gather(x, cast(indices, 'i64'), axis);
  call.take(known.data.length);
  const places = numbersOf(known).map((i) => (i < 0 ? i + d : i));
  if (places.some((i) => !(i >= 0 && i < d))) call.fail(`takes places outside of ${d}`);
  if (places.length > 1) return gather(x, constant(i64(indices.shape, places)), axis);
  // One place is a slice, whose derivative is cheaper.
  const [place = 0] = places;
  const part = sliceAxis(x, axis, place, place + places.length);
  return reshape(part, [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)]);
}

/** Each row of the indices is a place along the first axes, as many as it has numbers; the other axes come along. */
function pickedPlaces(call: NodeCall): Value {
  const x = call.value(0);
  const indices = call.tensor(1);
  const depth = indices.shape.at(-1) ?? 0;
  if (call.int('batch_dims', 0) !== 0 || depth < 1) call.fail('picks by batch or by nothing, which is not supported');
  const axes = x.shape.slice(0, depth);
  const rest = x.shape.slice(depth);
  const flat: number[] = [];
  numbersOf(indices).forEach((place, i) => {
    const axis = i % depth;
    const d = axes[i % depth] ?? 0;
    const at = place < 0 ? place + d : place;
    if (!(at >= 0 && at < d)) call.fail(`takes place ${place} of ${d}`);
    if (axis === 0) flat.push(at);
    else flat[flat.length - 1] = flat.at(-1)! * d + at;
  });
  const rows = gather(reshape(x, [sizeOf(axes), ...rest]), constant(i64([flat.length], flat)));
  return reshape(rows, [...indices.shape.slice(0, -1), ...rest]);
}

/** Numbers put into a constant at places; it is how masks of attention are written that are the same for all images. */
function scattered(call: NodeCall): Value {
  const data = call.tensor(0);
  const indices = call.tensor(1);
  const updates = call.tensor(2);
  if (call.text('reduction', 'none') !== 'none') call.fail('adds up, which is not supported');
  const depth = indices.shape.at(-1) ?? 0;
  const size = sizeOf(data.shape.slice(depth));
  const numbers = numbersOf(data);
  const places = numbersOf(indices);
  const values = numbersOf(updates);
  for (let i = 0; i * depth < places.length; i++) {
    const place = places.slice(i * depth, (i + 1) * depth);
    const offset = place.reduce((sum, at, axis) => sum * data.shape[axis]! + (at < 0 ? at + data.shape[axis]! : at), 0);
    if (!(offset >= 0 && (offset + 1) * size <= numbers.length))
      call.fail(`has the place [${place}] in [${data.shape}]`);
    for (let k = 0; k < size; k++) numbers[offset * size + k] = values[i * size + k]!;
  }
  return constant(tensorOf(data.dtype, data.shape, numbers));
}

export const indexing: Handlers = {
  Concat: joined,
  Split: split,
  Slice: sliced,
  Gather: picked,
  GatherND: pickedPlaces,
  ScatterND: scattered,
};
