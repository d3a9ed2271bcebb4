import { describe, expect, test } from 'vitest';
import { relativeError, tolerance } from '../../../../../../test/golden.ts';
import { type FileAttribute, type FileNode, type OnnxFile, onnxFile } from '../../../../../../test/onnx-file.ts';
import { evaluate, gaussian } from '../../../../../../test/run.ts';
import { runFile } from '../../../../../../test/run-file.ts';
import { f32, i64, type Shape, type Tensor, type Tensors, tensor } from '../../../base/tensor.ts';
import { decode, input } from '../../../graph/index.ts';
import { Scope } from '../../../nn/index.ts';
import { fileGraph } from '../file-graph.ts';
import { interpret } from '../interpret.ts';
import { operators } from './index.ts';

/** One use of an operator; the other inputs are initializers. */
interface Case {
  readonly operator: string;
  readonly opset: number;
  /** Of the activation, the first input. */
  readonly x: Shape;
  readonly others?: readonly (Tensor | null)[];
  readonly attributes?: Readonly<Record<string, FileAttribute>>;
  readonly outputs?: number;
  /** Numbers of the activation; default gaussian. */
  readonly positive?: boolean;
}

const c = (
  operator: string,
  opset: number,
  x: Shape,
  others: readonly (Tensor | null)[] = [],
  attributes: Readonly<Record<string, FileAttribute>> = {},
  more: Partial<Case> = {},
): Case => ({ operator, opset, x, others, attributes, ...more });

const g = (...shape: number[]) => gaussian(shape, 'other', shape.length);
const positive = (...shape: number[]) =>
  f32(
    shape,
    (g(...shape).data as Float32Array).map((v) => Math.abs(v) + 0.1),
  );
const ints = (...values: number[]) => i64([values.length], values);
const scalar = (value: number) => f32([], [value]);
const float = (value: number): FileAttribute => ({ float: value });
const bools = (...values: number[]) => tensor('bool', [values.length], Uint8Array.from(values));
const photo = [2, 3, 7, 9];

const elementwise: Case[] = [
  ...['Add', 'Sub', 'Mul', 'Div'].flatMap((op) => [
    c(op, 7, photo, [positive(3, 1, 1)]),
    c(op, 14, photo, [positive(2, 3, 7, 9)]),
  ]),
  ...['Neg', 'Abs', 'Exp', 'Tanh', 'Sigmoid', 'Relu', 'Sign', 'Softplus', 'Softsign', 'Erf'].map((op) =>
    c(op, 13, photo),
  ),
  ...['Sqrt', 'Log', 'Reciprocal'].map((op) => c(op, 13, photo, [], {}, { positive: true })),
  c('Pow', 7, photo, [scalar(2)]),
  c('Pow', 13, photo, [i64([], [3])]),
  c('Pow', 13, photo, [scalar(0.5)], {}, { positive: true }),
  c('Pow', 13, photo, [scalar(-1.3)], {}, { positive: true }),
  ...['Min', 'Max', 'Sum', 'Mean'].map((op) => c(op, 8, photo, [g(3, 1, 1), g(9)])),
  ...['LeakyRelu', 'Elu', 'Selu', 'HardSigmoid'].flatMap((op) => [
    c(op, 7, photo),
    c(op, 16, photo, [], { alpha: float(0.3) }),
  ]),
  c('Celu', 12, photo, [], { alpha: float(0.7) }),
  c('ThresholdedRelu', 10, photo, [], { alpha: float(0.4) }),
  c('PRelu', 7, photo, [g(3, 1, 1)]),
  c('PRelu', 16, photo, [g(1)]),
  c('HardSwish', 14, photo),
  c('Mish', 18, photo),
  c('Gelu', 20, photo),
  c('Gelu', 20, photo, [], { approximate: 'tanh' }),
  c('Clip', 7, photo, [], { min: float(-0.3), max: float(0.8) }),
  c('Clip', 7, photo, [], { max: float(0.8) }),
  c('Clip', 11, photo, [scalar(0), scalar(6)]),
  c('Clip', 13, photo, [scalar(0)]),
  c('Clip', 13, photo, [null, scalar(0.5)]),
  c('Clip', 13, photo),
];

const layers: Case[] = [
  c('Gemm', 7, [4, 5], [g(5, 6), g(6)]),
  c('Gemm', 11, [4, 5], [g(6, 5)], { transB: 1, alpha: float(0.5) }),
  c('Gemm', 13, [5, 4], [g(6, 5), g(4, 1)], { transA: 1, transB: 1, beta: float(2) }),
  c('MatMul', 9, [2, 4, 5], [g(5, 3)]),
  c('MatMul', 13, [2, 3, 4, 5], [g(3, 5, 2)]),
  c('MatMul', 13, [4, 5], [g(5)]),
  c('Conv', 7, photo, [g(4, 3, 3, 3), g(4)], { pads: [1, 0, 2, 1], strides: [2, 1] }),
  c('Conv', 11, photo, [g(6, 1, 3, 2)], { group: 3, dilations: [2, 1] }),
  c('Conv', 11, photo, [g(4, 3, 3, 3)], { auto_pad: 'SAME_UPPER', strides: [2, 2], kernel_shape: [3, 3] }),
  c('Conv', 11, photo, [g(4, 3, 2, 4)], { auto_pad: 'SAME_LOWER', strides: [1, 2] }),
  c('Conv', 11, photo, [g(4, 3, 3, 3)], { auto_pad: 'VALID' }),
  c('MaxPool', 8, photo, [], { kernel_shape: [3, 2], strides: [2, 2], pads: [1, 0, 1, 1] }),
  c('MaxPool', 10, [1, 2, 8, 11], [], { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 }),
  c('MaxPool', 12, [1, 2, 8, 11], [], { kernel_shape: [2, 2], strides: [3, 3], ceil_mode: 1 }),
  c('MaxPool', 12, [1, 2, 9, 11], [], { kernel_shape: [2, 3], dilations: [2, 3] }),
  c('MaxPool', 12, photo, [], { kernel_shape: [3, 3], strides: [2, 2], auto_pad: 'SAME_UPPER' }),
  c('MaxPool', 12, photo, [], { kernel_shape: [2, 2], auto_pad: 'SAME_LOWER' }),
  c('AveragePool', 7, photo, [], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }),
  c('AveragePool', 7, photo, [], { kernel_shape: [3, 3], pads: [1, 0, 1, 2], count_include_pad: 1 }),
  c('AveragePool', 11, [1, 2, 8, 11], [], { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 }),
  c('AveragePool', 19, [1, 2, 8, 10], [], {
    kernel_shape: [3, 3],
    strides: [2, 2],
    ceil_mode: 1,
    count_include_pad: 1,
    pads: [1, 1, 1, 1],
  }),
  c('AveragePool', 11, photo, [], { kernel_shape: [3, 3], strides: [2, 2], auto_pad: 'SAME_UPPER' }),
  c('AveragePool', 11, photo, [], { kernel_shape: [2, 2], auto_pad: 'SAME_LOWER' }),
  c('GlobalAveragePool', 7, photo),
  c('GlobalMaxPool', 7, photo),
  c('LRN', 7, [2, 7, 3, 4], [], { size: 5, alpha: float(0.2), beta: float(0.6), bias: float(1.5) }),
  c('LRN', 13, [2, 2, 3, 4], [], { size: 3 }),
  c('BatchNormalization', 7, photo, [g(3), g(3), g(3), positive(3)], { epsilon: float(0.01) }),
  c('BatchNormalization', 9, [4, 3], [g(3), g(3), g(3), positive(3)]),
  c('BatchNormalization', 14, photo, [g(3), g(3), g(3), positive(3)], { momentum: float(0.8) }),
  c('BatchNormalization', 15, photo, [g(3), g(3), g(3), positive(3)]),
  c('InstanceNormalization', 7, photo, [g(3), g(3)], { epsilon: float(1e-3) }),
  c('LayerNormalization', 17, [2, 4, 6], [g(6), g(6)]),
  c('LayerNormalization', 17, [2, 4, 6], [g(4, 6)], { axis: 1, epsilon: float(1e-3) }),
  c('GroupNormalization', 18, [2, 6, 3, 4], [g(3), g(3)], { num_groups: 3 }),
  c('GroupNormalization', 21, [2, 6, 3, 4], [g(6), g(6)], { num_groups: 3 }),
  c('Dropout', 7, photo, [], { ratio: float(0.4) }),
  c('Dropout', 10, photo),
  c('Dropout', 12, photo, [scalar(0.4)]),
  ...['Softmax', 'LogSoftmax'].flatMap((op) => [
    c(op, 9, [2, 3, 4]),
    c(op, 11, [2, 3, 4], [], { axis: -2 }),
    c(op, 11, [2, 3, 4], [], { axis: 2 }),
    c(op, 13, [2, 3, 4]),
    c(op, 13, [2, 3, 4], [], { axis: 1 }),
  ]),
];

const shapes: Case[] = [
  c('Identity', 7, photo),
  c('Flatten', 7, photo),
  c('Flatten', 11, photo, [], { axis: -1 }),
  c('Flatten', 11, photo, [], { axis: 0 }),
  c('Reshape', 7, photo, [ints(0, -1, 9)]),
  c('Reshape', 14, photo, [ints(6, 63)]),
  c('Squeeze', 7, [2, 1, 3, 1], [], { axes: [1] }),
  c('Squeeze', 7, [2, 1, 3, 1]),
  c('Squeeze', 13, [2, 1, 3, 1], [ints(-1)]),
  c('Unsqueeze', 7, [2, 3], [], { axes: [0, 3] }),
  c('Unsqueeze', 13, [2, 3], [ints(-1, 1)]),
  c('Transpose', 7, photo),
  c('Transpose', 13, photo, [], { perm: [0, 2, 3, 1] }),
  c('Concat', 7, photo, [g(2, 4, 7, 9)], { axis: 1 }),
  c('Concat', 11, photo, [g(2, 3, 7, 2), g(2, 3, 7, 1)], { axis: -1 }),
  c('Split', 7, [2, 6, 3], [], { axis: 1, split: [1, 3, 2] }, { outputs: 3 }),
  c('Split', 11, [2, 6, 3], [], { axis: 1 }, { outputs: 2 }),
  c('Split', 13, [2, 6, 3], [ints(5, 1)], { axis: -2 }, { outputs: 2 }),
  c('Split', 18, [2, 7, 3], [], { axis: 1, num_outputs: 3 }, { outputs: 3 }),
  c('Slice', 7, photo, [], { starts: [1, -3], ends: [1000, 9], axes: [1, 3] }),
  c('Slice', 9, photo, [], { starts: [0, 1], ends: [2, 3] }),
  c('Slice', 10, photo, [ints(5, 1), ints(-1000, 8), ints(2, 3), ints(-2, 3)]),
  c('Slice', 13, photo, [ints(1), i64([1], [Number.MAX_SAFE_INTEGER]), ints(-1)]),
  c('Slice', 13, photo, [ints(-1), ints(-1000), ints(3), ints(-1)]),
  c('Pad', 7, photo, [], { pads: [0, 0, 1, 2, 0, 1, 0, 3], value: float(0.5) }),
  c('Pad', 11, photo, [ints(0, 0, 1, 2, 0, 0, 3, 0)]),
  c('Pad', 13, photo, [ints(0, 0, 1, 2, 0, 0, 3, 0), scalar(-2)]),
  c('Pad', 13, photo, [ints(0, 0, -1, 2, 0, 0, 3, -2)]),
  c('Pad', 13, photo, [ints(0, 0, 3, 2, 0, 0, 2, 4)], { mode: 'reflect' }),
  c('Pad', 13, photo, [ints(0, 0, 3, 2, 0, 1, 2, 4)], { mode: 'edge' }),
  c('Pad', 18, photo, [ints(1, 2, 3, 4), null, ints(2, -1)]),
  c('Gather', 7, photo, [ints(2, 0, 0)], { axis: 1 }),
  c('Gather', 13, photo, [i64([2, 2], [-1, 3, 4, -2])], { axis: 3 }),
  c('Gather', 13, photo, [i64([], [1])], { axis: 2 }),
  c('GatherND', 12, photo, [i64([3, 2], [0, 2, 1, -1, 0, 0])]),
  c('GatherND', 13, photo, [i64([2, 1, 1], [1, 0])]),
  c('Expand', 8, [3, 1], [ints(2, 1, 4)]),
  c('Expand', 13, [3, 4], [ints(1)]),
  c('Tile', 7, [2, 3], [ints(2, 3)]),
  c('Cast', 9, photo, [], { to: 1 }),
  c('SpaceToDepth', 7, [2, 3, 4, 6], [], { blocksize: 2 }),
  c('DepthToSpace', 7, [2, 12, 2, 3], [], { blocksize: 2 }),
  c('DepthToSpace', 11, [2, 12, 2, 3], [], { blocksize: 2, mode: 'CRD' }),
  ...[
    'ReduceMean',
    'ReduceSum',
    'ReduceMax',
    'ReduceMin',
    'ReduceL1',
    'ReduceL2',
    'ReduceSumSquare',
    'ReduceLogSumExp',
  ].flatMap((op) => [
    c(op, 11, photo, [], { axes: [1, -1], keepdims: 0 }),
    c(op, 11, photo),
    c(op, 18, photo, [ints(2, 3)]),
  ]),
  c('ReduceSum', 13, photo, [ints(-1)], { keepdims: 0 }),
  c('ReduceMean', 18, photo, [], { noop_with_empty_axes: 1 }),
  c('ReduceLogSum', 18, photo, [ints(1)], {}, { positive: true }),
];

const scales = (...values: number[]) => f32([values.length], values);
const resizes: Case[] = [
  c('Upsample', 7, photo, [], { scales: { floats: [1, 1, 2, 3] }, mode: 'nearest' }),
  c('Upsample', 9, photo, [scales(1, 1, 2, 2)], { mode: 'linear' }),
  c('Resize', 10, photo, [scales(1, 1, 2, 0.5)], { mode: 'nearest' }),
  ...['half_pixel', 'pytorch_half_pixel', 'align_corners', 'asymmetric'].flatMap((where) => [
    c('Resize', 11, photo, [scales(), scales(1, 1, 2, 1.5)], { mode: 'linear', coordinate_transformation_mode: where }),
    c('Resize', 13, photo, [null, null, ints(2, 3, 5, 20)], { mode: 'linear', coordinate_transformation_mode: where }),
    ...['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'].map((nearest) =>
      c('Resize', 13, photo, [null, scales(1, 1, 1.7, 2)], {
        mode: 'nearest',
        coordinate_transformation_mode: where,
        nearest_mode: nearest,
      }),
    ),
  ]),
  c('Resize', 18, photo, [null, null, ints(14, 18)], { axes: [2, 3], mode: 'nearest' }),
];

/** The file of a case, whose activation says nothing of its shape. */
function fileOf({ operator, opset, others = [], attributes, outputs = 1 }: Case): OnnxFile {
  const names = others.map((other, i) => (other ? `other${i}` : ''));
  const results = Array.from({ length: outputs }, (_, i) => ({ name: `y${i}` }));
  const node: FileNode = {
    operator,
    inputs: ['x', ...names],
    outputs: results.map(({ name }) => name),
    ...(attributes && { attributes }),
  };
  const initializers = Object.fromEntries(others.flatMap((other, i) => (other ? [[`other${i}`, other]] : [])));
  return { opset, nodes: [node], initializers, inputs: [{ name: 'x' }], outputs: results };
}

/** All outputs as the importer computes them, with nothing learned. */
async function imported(file: OnnxFile, feeds: Tensors): Promise<Record<string, Tensor>> {
  const decoded = decode(onnxFile(file));
  const [name, x] = Object.entries(feeds)[0]!;
  const plan = { parameters: new Map(), layers: new Map(), headPath: 'fc', computedWeights: 0, tensors: {} };
  const given = new Map([[name, input(name, x.dtype, x.shape)]]);
  const graph = { ...fileGraph(decoded), nodes: decoded.nodes };
  const values = interpret({ graph, plan }, graph.nodes, given, Scope.root({ training: false }).scope);
  return evaluate(Object.fromEntries(file.outputs.map((output) => [output.name, values.get(output.name)!])), feeds);
}

async function expectEqual(file: OnnxFile, x: Tensor): Promise<void> {
  const expected = await runFile(onnxFile(file), { x });
  const actual = await imported(file, { x });
  expect(Object.keys(actual)).toEqual(Object.keys(expected));
  for (const [name, reference] of Object.entries(expected)) {
    expect(relativeError(actual[name]!, reference), name).toBeLessThan(5 * tolerance.value);
  }
}

const title = ({ operator, opset, x, others = [], attributes = {} }: Case) =>
  `${operator}-${opset} [${x}] ${others.map((other) => (other ? `[${other.shape}]` : '-')).join(' ')} ${JSON.stringify(attributes)}`;
const cases = [...elementwise, ...layers, ...shapes, ...resizes].map((example) => [title(example), example] as const);

describe('as ORT computes the same file', () => {
  test.each(cases)('%s', async (_title, example) => {
    const x = example.positive ? positive(...example.x) : gaussian(example.x, 'x');
    await expectEqual(fileOf(example), x);
  });
});

const node = (
  operator: string,
  inputs: string[],
  output: string,
  attributes: FileNode['attributes'] = {},
): FileNode => ({
  operator,
  inputs,
  outputs: [output],
  attributes,
});

/** Values computed from shapes and constants while the graph is built. */
const folded: Readonly<Record<string, { nodes: FileNode[]; initializers?: Tensors; x?: Shape; opset?: number }>> = {
  'a view as PyTorch writes it: the batch out of a Shape, the rest as numbers': {
    nodes: [
      node('Shape', ['x'], 'shape'),
      node('Constant', [], 'zero', { value: { tensor: i64([], [0]) } }),
      node('Gather', ['shape', 'zero'], 'n', { axis: 0 }),
      node('Unsqueeze', ['n'], 'row', { axes: [0] }),
      node('Constant', [], 'rest', { value: { tensor: ints(-1, 9) } }),
      node('Concat', ['row', 'rest'], 'target', { axis: 0 }),
      node('Reshape', ['x', 'target'], 'y0'),
    ],
    opset: 11,
  },
  'sizes by arithmetic on a shape': {
    nodes: [
      node('Shape', ['x'], 'shape'),
      node('Slice', ['shape', 'two', 'four'], 'size'),
      node('Mul', ['size', 'factor'], 'twice'),
      node('Div', ['twice', 'three'], 'part'),
      node('Mod', ['twice', 'three'], 'remainder'),
      node('Sub', ['part', 'remainder'], 'difference'),
      node('Concat', ['nc', 'difference'], 'sizes', { axis: 0 }),
      node('Resize', ['x', '', '', 'sizes'], 'y0', { mode: 'nearest' }),
    ],
    initializers: { two: ints(2), four: ints(4), factor: ints(2, 2), three: ints(3, 3), nc: ints(2, 3) },
  },
  'floors of floats': {
    nodes: [
      node('Shape', ['x'], 'shape'),
      node('Slice', ['shape', 'two', 'four'], 'size'),
      node('Cast', ['size'], 'float', { to: 1 }),
      node('Mul', ['float', 'factor'], 'grown'),
      node('Floor', ['grown'], 'floored'),
      node('Cast', ['floored'], 'whole', { to: 7 }),
      node('Concat', ['nc', 'whole'], 'sizes', { axis: 0 }),
      node('Resize', ['x', '', '', 'sizes'], 'y0', { mode: 'linear' }),
    ],
    initializers: { two: ints(2), four: ints(4), factor: f32([2], [1.37, 0.5]), nc: ints(2, 3) },
  },
  'a choice by comparison, and a filled tensor': {
    nodes: [
      node('Shape', ['x'], 'shape'),
      node('ConstantOfShape', ['rank'], 'ones', { value: { tensor: ints(1) } }),
      node('Equal', ['shape', 'three'], 'is'),
      node('Where', ['is', 'ones', 'shape'], 'target'),
      node('ReduceMax', ['x'], 'most', { axes: [1], keepdims: 1 }),
      node('Expand', ['most', 'target'], 'y0'),
    ],
    initializers: { rank: ints(4), three: ints(3, 3, 3, 3) },
    opset: 13,
  },
  'a range, its product with a grid, and a choice of activations': {
    nodes: [
      node('Range', ['zero', 'nine', 'step'], 'even'),
      node('Size', ['even'], 'count'),
      node('ReduceProd', ['pair'], 'product', { keepdims: 0 }),
      node('Gather', ['x', 'even'], 'picked', { axis: 3 }),
      node('Greater', ['picked', 'half'], 'large'),
      node('Where', ['large', 'picked', 'half'], 'y0'),
    ],
    initializers: { zero: i64([], [0]), nine: i64([], [9]), step: i64([], [2]), pair: ints(2, 3), half: scalar(0.5) },
  },
  'a mask of booleans': {
    nodes: [
      node('Not', ['mask'], 'kept'),
      node('Or', ['kept', 'mask'], 'all'),
      node('And', ['kept', 'all'], 'same'),
      node('Xor', ['same', 'some'], 'either'),
      node('Where', ['either', 'x', 'low'], 'y0'),
    ],
    initializers: {
      mask: bools(1, 0, 0, 1, 0, 0, 0, 1, 1),
      some: bools(1, 1, 0, 0, 1, 0, 1, 1, 0),
      low: scalar(-100),
    },
  },
  'numbers put into a constant': {
    nodes: [node('ScatterND', ['grid', 'places', 'rows'], 'filled'), node('Add', ['x', 'filled'], 'y0')],
    initializers: {
      grid: f32([7, 9], new Array(63).fill(0)),
      places: i64([2, 1], [3, -1]),
      rows: gaussian([2, 9], 'rows'),
    },
  },
  'a number put into a constant': {
    nodes: [node('ScatterND', ['grid', 'places', 'numbers'], 'filled'), node('Add', ['x', 'filled'], 'y0')],
    initializers: { grid: f32([3, 2], new Array(6).fill(0)), places: i64([1, 2], [2, 1]), numbers: f32([1], [5]) },
    x: [4, 3, 2],
  },
  'constants of every kind': {
    nodes: [
      node('Constant', [], 'a', { value_float: float(1.5) }),
      node('Constant', [], 'b', { value_floats: { floats: [1, 2, 3, 4, 5, 6, 7, 8, 9] } }),
      node('Constant', [], 'axis', { value_ints: [0, 1] }),
      node('Mul', ['x', 'a'], 'scaled'),
      node('Add', ['scaled', 'b'], 'shifted'),
      node('Unsqueeze', ['shifted', 'axis'], 'y0'),
    ],
  },
  'a transposition that takes the one before it back': {
    nodes: [
      node('Transpose', ['x'], 'last', { perm: [0, 2, 3, 1] }),
      node('Transpose', ['last'], 'first', { perm: [0, 3, 1, 2] }),
      node('Relu', ['first'], 'y0'),
    ],
  },
};

describe('what depends on constants only is computed at once', () => {
  test.each(Object.entries(folded))('%s', async (_title, { nodes, initializers, opset = 13, x = photo }) => {
    const file = { opset, nodes, initializers: initializers ?? {}, inputs: [{ name: 'x' }], outputs: [{ name: 'y0' }] };
    await expectEqual(file, gaussian(x, 'folded'));
  });
});

test('every operator of the table is compared', () => {
  const used = new Set([
    ...cases.map(([, { operator }]) => operator),
    ...Object.values(folded).flatMap(({ nodes }) => nodes.map(({ operator }) => operator)),
  ]);
  // Comparisons share their code; the rest of the ones that are left out cannot stand in a file of f32 alone.
  const untested = Object.keys(operators).filter((name) => !used.has(name));
  expect(untested).toEqual(['GreaterOrEqual', 'Less', 'LessOrEqual', 'Ceil', 'Round', 'CastLike']);
});
