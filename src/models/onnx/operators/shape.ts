import { type DType, i64, type Shape, sizeOf, tensor } from '../../../base/tensor.ts';
import { constant, constantTensor, type DecodedAttribute, elementType, type Value } from '../../../graph/index.ts';
import {
  broadcastTo,
  cast,
  concat,
  flip,
  gather,
  pad,
  reshape,
  slice,
  sliceAxis,
  transpose,
} from '../../../ops/index.ts';
import { asOwn } from '../constants.ts';
import { numbersOf, tensorOf } from '../fold.ts';
import type { Handlers, NodeCall } from '../node-call.ts';
import { reshapeFrom } from './reshape.ts';

const scalarOf = (dtype: DType, value: number) => constant(tensorOf(dtype, [], [value]));

function shapeOf(call: NodeCall): Value {
  const { shape } = call.value(0);
  const part = shape.slice(call.int('start', 0), call.int('end', shape.length));
  return constant(i64([part.length], part));
}

/** One of seven attributes holds the numbers. */
function literal(call: NodeCall): Value {
  const entry = [...call.node.attributes].find(([name]) => name.startsWith('value') || name === 'sparse_value');
  const attribute: DecodedAttribute = entry?.[1] ?? { kind: 'other' };
  switch (attribute.kind) {
    case 'tensor':
      return constant(asOwn(attribute.value));
    case 'int':
      return scalarOf('i64', attribute.value);
    case 'float':
      return scalarOf('f32', attribute.value);
    case 'ints':
      return constant(tensorOf('i64', [attribute.value.length], attribute.value));
    case 'floats':
      return constant(tensorOf('f32', [attribute.value.length], attribute.value));
    default:
      return call.fail('holds no numbers');
  }
}

function filled(call: NodeCall): Value {
  const attribute = call.node.attributes.get('value');
  const value = attribute?.kind === 'tensor' ? asOwn(attribute.value) : tensor('f32', [1], new Float32Array(1));
  return broadcastTo(reshape(constant(value), []), checkedShape(call, call.integers(0)));
}

function checkedShape(call: NodeCall, shape: readonly number[]): Shape {
  if (shape.some((d) => d < 0) || sizeOf(shape) > 2 ** 31) call.fail(`makes the shape [${shape}]`);
  return shape;
}

/** To the shape that both broadcast to: a 1 of the target keeps what is there. */
function expand(call: NodeCall): Value {
  const x = call.value(0);
  const target = checkedShape(call, call.integers(1));
  const rank = Math.max(x.shape.length, target.length);
  const shape = Array.from({ length: rank }, (_, i) => {
    const own = x.shape[i - rank + x.shape.length] ?? 1;
    return own === 1 ? (target[i - rank + target.length] ?? 1) : own;
  });
  return broadcastTo(x, checkedShape(call, shape));
}

/** Repeats everything along each axis. (…, d, …) → (…, 1, d, …) → (…, r, d, …) → (…, r·d, …). */
function tile(call: NodeCall): Value {
  const x = call.value(0);
  const repeats = call.integers(1);
  if (repeats.length !== x.shape.length) call.fail(`has ${repeats.length} repeats for rank ${x.shape.length}`);
  const result = checkedShape(
    call,
    x.shape.map((d, i) => d * repeats[i]!),
  );
  const wide = broadcastTo(
    reshape(
      x,
      x.shape.flatMap((d) => [1, d]),
    ),
    x.shape.flatMap((d, i) => [repeats[i]!, d]),
  );
  return reshape(wide, result);
}

/** A permutation of the axes; two that cancel (as between frameworks that differ in layout) leave nothing. */
function permute(call: NodeCall): Value {
  const x = call.value(0);
  const axes = call.ints('perm', undefined) ?? x.shape.map((_, i) => x.shape.length - 1 - i);
  const before = x.op.name === 'Transpose' ? (x.attributes.axes as readonly number[]) : undefined;
  return before?.length === axes.length && axes.every((axis, i) => before[axis] === i)
    ? x.inputs[0]!
    : transpose(x, axes);
}

/** Where a file was exported with a batch of one, what is the same for all pictures lacks the others' batch: it is repeated. */
function joined(call: NodeCall): Value {
  const values = call.inputs
    .map((_, i) => call.value(i))
    .filter(({ shape }) => !(shape.length === 1 && shape[0] === 0));
  const [first] = values;
  if (!first) return call.value(0);
  const axis = call.axis(call.int('axis', 1), first.shape.length);
  const batch = Math.max(...values.map(({ shape }) => shape[0] ?? 1));
  const stretch = (x: Value) =>
    axis !== 0 && x.shape[0] === 1 && batch > 1 ? broadcastTo(x, x.shape.with(0, batch)) : x;
  return concat(values.map(stretch), axis);
}

function split(call: NodeCall): Value[] {
  const x = call.value(0);
  const axis = call.axis(call.int('axis', 0), x.shape.length);
  const length = x.shape[axis]!;
  const count = call.int('num_outputs', call.node.outputs.length);
  const part = Math.ceil(length / count);
  const even = Array.from({ length: count }, (_, i) => Math.max(0, Math.min(part, length - i * part)));
  const lengths = call.list('split', 1) ?? even;
  if (lengths.some((n) => n < 0) || lengths.reduce((a, b) => a + b, 0) !== length) {
    call.fail(`splits ${length} into [${lengths}]`);
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
    const [d, start, end, step] = [x.shape[axis]!, starts[i]!, ends[i]!, steps[i]!];
    if (step === 0) call.fail('has a step of 0');
    const [low, high] = step > 0 ? [0, d] : [-1, d - 1];
    const place = (at: number) => Math.max(low, Math.min(high, at < 0 ? at + d : at));
    whole.starts[axis] = step > 0 ? place(start) : Math.max(0, place(start));
    whole.ends[axis] = place(end);
    whole.steps[axis] = step;
  });
  return slice(x, whole.starts, whole.ends, whole.steps);
}

/** Zeros, another number, the reflection or the edge around x; negative widths cut off. */
function padded(call: NodeCall): Value {
  const x = call.value(0);
  const rank = x.shape.length;
  const widths = call.list('pads', 1) ?? call.fail('has no pads');
  const axes = call.has(3) ? call.integers(3).map((axis) => call.axis(axis, rank)) : x.shape.map((_, i) => i);
  if (widths.length !== 2 * axes.length) call.fail(`has ${widths.length} widths for ${axes.length} axes`);
  const before = x.shape.map((_, axis) => (axes.includes(axis) ? widths[axes.indexOf(axis)]! : 0));
  const after = x.shape.map((_, axis) => (axes.includes(axis) ? widths[axes.indexOf(axis) + axes.length]! : 0));
  if ([...before, ...after].some((n) => Math.abs(n) > 4096)) call.fail(`has pads [${widths}]`);
  const cut = slice(
    x,
    before.map((n) => Math.max(0, -n)),
    x.shape.map((d, i) => Math.max(0, d - Math.max(0, -after[i]!))),
  );
  const [front, back] = [before, after].map((list) => list.map((n) => Math.max(0, n))) as [number[], number[]];
  const mode = call.text('mode', 'constant');
  if (mode === 'reflect') return mirrored(cut, front, back, 1);
  if (mode === 'edge') return mirrored(cut, front, back, 0);
  if (mode !== 'constant') call.fail(`has mode ${mode}`);
  const fill = call.has(2) ? call.number(2) : call.float('value', 0);
  return padWith(cut, front, back, fill);
}

/** x between numbers of one value. */
function padWith(x: Value, before: readonly number[], after: readonly number[], fill: number): Value {
  if (fill === 0) return pad(x, before, after);
  return x.shape.reduce((value, _, axis) => {
    const side = (width: number) =>
      width > 0 ? [broadcastTo(scalarOf(x.dtype, fill), value.shape.with(axis, width))] : [];
    return concat([...side(before[axis]!), value, ...side(after[axis]!)], axis);
  }, x);
}

/** The nearest rows, turned round and without the edge itself (from 1), or the edge over and over (from 0). */
function mirrored(x: Value, before: readonly number[], after: readonly number[], from: 0 | 1): Value {
  return x.shape.reduce((value, d, axis) => {
    const rows = (start: number, end: number) => flip(sliceAxis(value, axis, start, end), [axis]);
    const edge = (at: number, width: number) =>
      broadcastTo(sliceAxis(value, axis, at, at + 1), value.shape.with(axis, width));
    const [head, tail] = [before[axis]!, after[axis]!];
    const front = from === 1 ? () => rows(1, 1 + head) : () => edge(0, head);
    const back = from === 1 ? () => rows(d - 1 - tail, d - 1) : () => edge(d - 1, tail);
    return concat([...(head > 0 ? [front()] : []), value, ...(tail > 0 ? [back()] : [])], axis);
  }, x);
}

function picked(call: NodeCall): Value {
  const [x, indices] = [call.value(0), call.value(1)];
  const axis = call.axis(call.int('axis', 0), x.shape.length);
  const d = x.shape[axis]!;
  const known = constantTensor(indices);
  if (!known) return gather(x, cast(indices, 'i64'), axis);
  const places = numbersOf(known).map((i) => (i < 0 ? i + d : i));
  if (places.some((i) => !(i >= 0 && i < d))) call.fail(`takes places outside of ${d}`);
  if (places.length > 1) return gather(x, constant(i64(indices.shape, places)), axis);
  // One place is a slice, whose derivative is cheaper.
  const [place = 0] = places;
  const part = sliceAxis(x, axis, place, place + places.length);
  return reshape(part, [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)]);
}

/** Numbers put into a constant at places; it is how masks of attention are written that are the same for all pictures. */
function scattered(call: NodeCall): Value {
  const [data, indices, updates] = [call.tensor(0), call.tensor(1), call.tensor(2)];
  if (call.text('reduction', 'none') !== 'none') call.fail('adds up, which is not supported');
  const depth = indices.shape.at(-1) ?? 0;
  const size = sizeOf(data.shape.slice(depth));
  const [numbers, places, values] = [numbersOf(data), numbersOf(indices), numbersOf(updates)];
  for (let i = 0; i * depth < places.length; i++) {
    const place = places.slice(i * depth, (i + 1) * depth);
    const offset = place.reduce((sum, at, axis) => sum * data.shape[axis]! + (at < 0 ? at + data.shape[axis]! : at), 0);
    if (!(offset >= 0 && (offset + 1) * size <= numbers.length))
      call.fail(`has the place [${place}] in [${data.shape}]`);
    for (let k = 0; k < size; k++) numbers[offset * size + k] = values[i * size + k]!;
  }
  return constant(tensorOf(data.dtype, data.shape, numbers));
}

function squeeze(call: NodeCall): Value {
  const x = call.value(0);
  const axes = call.axes(1, x.shape.length) ?? x.shape.flatMap((d, axis) => (d === 1 ? [axis] : []));
  if (axes.some((axis) => x.shape[axis] !== 1)) call.fail(`squeezes axes [${axes}] of [${x.shape}]`);
  return reshape(
    x,
    x.shape.filter((_, axis) => !axes.includes(axis)),
  );
}

function unsqueeze(call: NodeCall): Value {
  const x = call.value(0);
  const list = call.list('axes', 1) ?? call.fail('has no axes');
  const rank = x.shape.length + list.length;
  const added = new Set(list.map((axis) => call.axis(axis, rank)));
  const rest = [...x.shape];
  return reshape(
    x,
    Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : rest.shift()!)),
  );
}

/** (n, …) → two axes: what lies before the axis, and the rest. */
function flattened(call: NodeCall): Value {
  const x = call.value(0);
  const given = call.int('axis', 1);
  const axis = given < 0 ? given + x.shape.length : given;
  return reshape(x, [sizeOf(x.shape.slice(0, axis)), sizeOf(x.shape.slice(axis))]);
}

function converted(call: NodeCall, to: DType | undefined): Value {
  const own = to === 'f64' ? 'f32' : to === 'i32' || to === 'u8' ? 'i64' : to;
  return own ? cast(call.value(0), own) : call.fail('converts to a type that Graft does not compute with');
}

/** Blocks of pixels become channels. */
function spaceToDepth(call: NodeCall): Value {
  const x = call.value(0);
  const block = call.int('blocksize', 1);
  const [n, c, h, w] = x.shape as [number, number, number, number];
  if (block < 1 || h % block !== 0 || w % block !== 0) call.fail(`divides ${h}x${w} into blocks of ${block}`);
  const blocks = reshape(x, [n, c, h / block, block, w / block, block]);
  return reshape(transpose(blocks, [0, 3, 5, 1, 2, 4]), [n, c * block * block, h / block, w / block]);
}

/** Channels become blocks of pixels: DCR has the block's place before the channel, CRD behind it. */
function depthToSpace(call: NodeCall): Value {
  const x = call.value(0);
  const block = call.int('blocksize', 1);
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const channels = c / (block * block);
  if (block < 1 || !Number.isInteger(channels)) call.fail(`divides ${c} channels into blocks of ${block}`);
  const depthFirst = call.text('mode', 'DCR') === 'DCR';
  const blocks = reshape(x, depthFirst ? [n, block, block, channels, h, w] : [n, channels, block, block, h, w]);
  const order = depthFirst ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3];
  return reshape(transpose(blocks, order), [n, channels, h * block, w * block]);
}

export const shapes: Handlers = {
  Identity: (call) => call.value(0),
  Shape: shapeOf,
  Size: (call) => scalarOf('i64', sizeOf(call.value(0).shape)),
  Constant: literal,
  ConstantOfShape: filled,
  Cast: (call) => converted(call, elementType(call.int('to', 0))),
  CastLike: (call) => cast(call.value(0), call.value(1).dtype),
  Reshape: reshapeFrom,
  Flatten: flattened,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: permute,
  Expand: expand,
  Tile: tile,
  Concat: joined,
  Split: split,
  Slice: sliced,
  Pad: padded,
  Gather: picked,
  ScatterND: scattered,
  SpaceToDepth: spaceToDepth,
  DepthToSpace: depthToSpace,
};
