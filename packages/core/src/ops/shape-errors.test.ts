import { describe, expect, test } from 'vitest';
import { ShapeError } from '../base/errors.ts';
import type { DType, Shape } from '../base/tensor.ts';
import { input, type Value } from '../graph/index.ts';
import { resnet } from '../models/index.ts';
import { crossEntropy, Scope } from '../nn/index.ts';
import {
  add,
  argMax,
  averagePool,
  broadcastTo,
  type ConvGeometry,
  concat,
  conv2d,
  conv2dInputGrad,
  exp,
  flip,
  gather,
  matmul,
  maxPool,
  mul,
  pad,
  reduceMax,
  reduceSum,
  reshape,
  resize,
  scatterAdd,
  slice,
  sliceAxis,
  transpose,
  where,
} from './index.ts';

const x = (shape: Shape, dtype: DType = 'f32') => input('x', dtype, shape);
const geometry: ConvGeometry = { strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1], groups: 1 };
const conv = (xShape: Shape, wShape: Shape, options: Partial<ConvGeometry> = {}) =>
  conv2d(x(xShape), x(wShape), { ...geometry, ...options });

/** The mistake, the call, and the message with both sides. */
const table: readonly (readonly [name: string, call: () => Value, message: string])[] = [
  [
    'add: shapes that do not broadcast',
    () => add(x([8, 3, 4]), x([2, 4])),
    'Add: f32[8,3,4] and f32[2,4] do not broadcast: axis 1 is 3 and 2.',
  ],
  [
    'mul: a scalar of another type',
    () => mul(x([3], 'i64'), 2),
    'Mul: operands have different types: i64[3] and f32[].',
  ],
  ['exp of integers', () => exp(x([3], 'i64')), 'Exp: expected f32 or f64, received i64[3].'],
  ['where: a condition of numbers', () => where(x([3]), x([3]), x([3])), 'where: expected bool, received f32[3].'],
  [
    'where: a condition that does not fit',
    () => where(x([4], 'bool'), x([3]), 0),
    'where: bool[4] and f32[3] do not broadcast: axis 0 is 4 and 3.',
  ],
  [
    'matmul: inner lengths',
    () => matmul(x([5, 3]), x([4, 2])),
    'matmul: expected (…, m, k) and (…, k, n) of one type, received f32[5,3] and f32[4,2].',
  ],
  [
    'matmul: a vector',
    () => matmul(x([3]), x([3, 2])),
    'matmul: expected (…, m, k) and (…, k, n) of one type, received f32[3] and f32[3,2].',
  ],
  [
    'matmul: types',
    () => matmul(x([2, 3]), x([3, 2], 'f64')),
    'matmul: expected (…, m, k) and (…, k, n) of one type, received f32[2,3] and f64[3,2].',
  ],
  [
    'matmul: batch axes',
    () => matmul(x([2, 5, 3]), x([4, 3, 2])),
    'matmul: f32[2] and f32[4] do not broadcast: axis 0 is 2 and 4.',
  ],
  [
    'conv2d: channels',
    () => conv([8, 64, 56, 56], [128, 32, 3, 3]),
    'conv2d: input has 64 channels, weight expects 32 (x f32[8,64,56,56], weight f32[128,32,3,3], groups 1).',
  ],
  [
    'conv2d: channels of groups',
    () => conv([1, 4, 8, 8], [6, 4, 3, 3], { groups: 2 }),
    'conv2d: input has 4 channels, weight expects 8 (x f32[1,4,8,8], weight f32[6,4,3,3], groups 2).',
  ],
  [
    'conv2d: outputs that do not divide',
    () => conv([1, 4, 8, 8], [5, 2, 3, 3], { groups: 2 }),
    'conv2d: 4 input and 5 output channels do not divide into 2 groups (x f32[1,4,8,8], weight f32[5,2,3,3], groups 2).',
  ],
  [
    'conv2d: inputs that do not divide',
    () => conv([1, 3, 8, 8], [4, 1.5, 3, 3], { groups: 2 }),
    'conv2d: 3 input and 4 output channels do not divide into 2 groups (x f32[1,3,8,8], weight f32[4,1.5,3,3], groups 2).',
  ],
  [
    'conv2d: a kernel larger than the image',
    () => conv([1, 3, 4, 9], [2, 3, 7, 7], { pads: [1, 1, 1, 1] }),
    'conv2d: a 7x7 kernel does not fit into 4x9 with pads [1,1,1,1] (x f32[1,3,4,9], weight f32[2,3,7,7], groups 1).',
  ],
  ['conv2d: rank', () => conv([3, 8, 8], [2, 3, 3, 3]), 'conv2d: expected rank 4 (n, c, h, w), received f32[3,8,8].'],
  [
    'conv2d: bytes',
    () => conv2d(x([1, 3, 8, 8], 'u8'), x([2, 3, 3, 3]), geometry),
    'conv2d: expected f32 or f64, received u8[1,3,8,8].',
  ],
  [
    'conv2dInputGrad: rank',
    () => conv2dInputGrad(x([3, 8]), x([2, 3, 3, 3]), geometry, [8, 8]),
    'conv2dInputGrad: expected rank 4 (n, c, h, w), received f32[3,8].',
  ],
  [
    'maxPool: an image that is too small',
    () => maxPool(x([1, 8, 2, 5]), { kernel: [3, 3] }),
    'maxPool: expected at least 3x3 after padding, received f32[1,8,2,5].',
  ],
  [
    'maxPool: rank',
    () => maxPool(x([8, 4, 4]), { kernel: [2, 2] }),
    'maxPool: expected rank 4 (n, c, h, w), received f32[8,4,4].',
  ],
  [
    'averagePool: an image that is too small',
    () => averagePool(x([1, 8, 6, 6]), { kernel: [7, 7] }),
    'sumPool: expected at least 7x7 after padding, received f32[1,8,6,6].',
  ],
  [
    'resize: rank',
    () => resize(x([3, 8, 8]), [4, 4], 'bilinear'),
    'resize: expected rank 4 (n, c, h, w), received f32[3,8,8].',
  ],
  [
    'reshape: another number of elements',
    () => reshape(x([2, 6]), [5, 2]),
    'reshape: expected 12 elements, received [5,2].',
  ],
  [
    'reshape: what is left is no whole number',
    () => reshape(x([7]), [2, -1]),
    'reshape: expected 7 elements, received [2,3.5].',
  ],
  [
    'transpose: an axis twice',
    () => transpose(x([2, 3]), [1, 1]),
    'transpose: expected a permutation of 2 axes, received [1,1].',
  ],
  [
    'transpose: an axis missing',
    () => transpose(x([2, 3]), [0]),
    'transpose: expected a permutation of 2 axes, received [0].',
  ],
  [
    'broadcastTo: a shape that is too small',
    () => broadcastTo(x([2, 3]), [3]),
    'broadcastTo: expected something that fits [3], received f32[2,3].',
  ],
  [
    'broadcastTo: another length',
    () => broadcastTo(x([2]), [4, 3]),
    'broadcastTo: f32[2] and f32[4,3] do not broadcast: axis 1 is 2 and 3.',
  ],
  ['concat: nothing', () => concat([], 0), 'concat: expected at least one value, received none.'],
  [
    'concat: another axis differs',
    () => concat([x([2, 3]), x([2, 4])], 0),
    'concat: expected f32[2,3] but for axis 0, received f32[2,4].',
  ],
  [
    'concat: another type',
    () => concat([x([2, 3]), x([2, 3], 'f64')], 0),
    'concat: expected f32[2,3] but for axis 0, received f64[2,3].',
  ],
  [
    'concat: an axis that is not there',
    () => concat([x([2]), x([2])], 1),
    'concat: expected an axis in [-1, 1), received 1.',
  ],
  [
    'slice: too few starts',
    () => slice(x([2, 3]), [0], [1]),
    'slice: expected 2 starts, ends and steps other than 0, received [0], [1], [1].',
  ],
  [
    'slice: a step of 0',
    () => slice(x([4]), [0], [4], [0]),
    'slice: expected 1 starts, ends and steps other than 0, received [0], [4], [0].',
  ],
  [
    'slice: past the end',
    () => slice(x([2, 3]), [0, 1], [2, 5]),
    'slice: expected places within f32[2,3], received [0,1] to [2,5] in steps of [1,1].',
  ],
  [
    'slice: before the front',
    () => slice(x([4]), [-2], [4]),
    'slice: expected places within f32[4], received [-2] to [4] in steps of [1].',
  ],
  [
    'sliceAxis: past the end',
    () => sliceAxis(x([2, 3]), -1, 2, 4),
    'slice: expected places within f32[2,3], received [0,2] to [2,4] in steps of [1,1].',
  ],
  [
    'sliceAxis: an axis that is not there',
    () => sliceAxis(x([2]), 1, 0, 1),
    'sliceAxis: expected an axis in [-1, 1), received 1.',
  ],
  [
    'pad: a negative width',
    () => pad(x([2]), [-1], [0]),
    'pad: expected 1 widths of 0 or more on each side of f32[2], received before [-1], after [0].',
  ],
  [
    'reduceSum: an axis that is not there',
    () => reduceSum(x([2, 3]), [2]),
    'reduceSum: expected an axis in [-2, 2), received 2.',
  ],
  ['reduceMax of integers', () => reduceMax(x([2], 'i64')), 'reduceMax: expected f32 or f64, received i64[2].'],
  [
    'argMax: an axis that is not whole',
    () => argMax(x([2, 3]), 0.5),
    'argMax: expected an axis in [-2, 2), received 0.5.',
  ],
  ['gather: indices of another type', () => gather(x([4]), x([2])), 'gather: expected i64, received f32[2].'],
  [
    'scatterAdd: another number of indices',
    () => scatterAdd(x([4, 3]), x([3], 'i64'), 0, 9),
    'scatterAdd: expected i64[4] for axis 0 of f32[4,3], received i64[3].',
  ],
  [
    'crossEntropy: labels of another batch',
    () => crossEntropy(x([8, 5]), x([7], 'i64')),
    'crossEntropy: expected logits (n, classes) and labels (n) i64, received f32[8,5] and i64[7].',
  ],
];

function errorOf(call: () => Value): ShapeError {
  try {
    call();
  } catch (error) {
    if (error instanceof ShapeError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('a wrong call is a ShapeError with both sides', () => {
  test.each(table)('%s', (_name, call, message) => {
    const error = errorOf(call);
    expect(error.message).toBe(message);
    expect(error.op).toBe(message.slice(0, message.indexOf(':')));
    expect(error.expected).not.toBe('');
    expect(error.received).not.toBe('');
  });
  test('the fields are the two sides', () => {
    expect(errorOf(() => add(x([3]), x([2])))).toMatchObject({ op: 'Add', expected: 'f32[3]', received: 'f32[2]' });
    expect(errorOf(() => conv([1, 2, 8, 8], [4, 3, 3, 3]))).toMatchObject({
      op: 'conv2d',
      expected: '3 channels',
      received: 'x f32[1,2,8,8], weight f32[4,3,3,3], groups 1',
    });
    expect(errorOf(() => reduceSum(x([2]), [-2]))).toMatchObject({ op: 'reduceSum', received: '-2' });
  });
});

describe('a layer says where it stands', () => {
  test('at layer2.0.conv1', () => {
    // The weight that was loaded is of another network.
    const { scope } = Scope.root({
      training: false,
      variable: ({ name, dtype, shape }) =>
        input(name, dtype, name === 'layer2.0.conv1.weight' ? [128, 32, 3, 3] : shape),
    });
    const error = errorOf(() => resnet({ block: 'basic', layers: [2, 2, 2, 2] }).backbone(scope, x([8, 3, 224, 224])));
    expect(error.path).toBe('layer2.0.conv1');
    expect(error.message).toBe(
      'conv2d: input has 64 channels, weight expects 32 (x f32[8,64,56,56], weight f32[128,32,3,3], groups 1) at layer2.0.conv1.',
    );
  });
});

test('flip twice is the value again, in shape', () => {
  expect(flip(flip(x([2, 3]), [1]), [0, 1]).shape).toEqual([2, 3]);
});
