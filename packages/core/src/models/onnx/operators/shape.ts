import { type DType, i64, type Shape, sizeOf, tensor } from '../../../base/tensor.ts';
import { constant, type DecodedAttribute, elementType, type Value } from '../../../graph/index.ts';
import { broadcastTo, cast, reshape, transpose } from '../../../ops/index.ts';
import { asOwn, tensorOf } from '../constants.ts';
import type { Handlers, NodeCall } from '../node-call.ts';

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

/** Expands to the shape that both broadcast to: a 1 in the target keeps the axis as it is. */
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

function permute(call: NodeCall): Value {
  const x = call.value(0);
  return transpose(x, call.ints('perm', undefined) ?? x.shape.map((_, i) => x.shape.length - 1 - i));
}

/** A target shape in numbers: 0 stands for the input's dimension, -1 for what is left. */
function resolveTarget(from: Shape, target: readonly number[], allowZero: boolean): Shape {
  const copied = target.map((d, i) => (d === 0 && !allowZero ? (from[i] ?? 0) : d));
  const known = copied.reduce((product, d) => (d === -1 ? product : product * d), 1);
  return copied.map((d) => (d === -1 ? sizeOf(from) / known : d));
}

/** Reshape. In a batch that the file was not made for, a shape that it merely states has been adapted. */
function reshapeFrom(call: NodeCall): Value {
  const x = call.value(0);
  const target = call.integers(1);
  const shape = call.adaptedShape ?? resolveTarget(x.shape, target, call.int('allowzero', 0) === 1);
  if (sizeOf(shape) !== sizeOf(x.shape) || !shape.every((d) => Number.isInteger(d) && d >= 0)) {
    call.fail(`reshapes [${x.shape}] to [${target}], which does not fit`);
  }
  return reshape(x, shape);
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
  SpaceToDepth: spaceToDepth,
  DepthToSpace: depthToSpace,
};
