import { describe, expect, test } from 'vitest';
import { relativeError, tolerance } from '../../../../../test/golden.ts';
import { type FileNode, type OnnxFile, onnxFile } from '../../../../../test/onnx-file.ts';
import { evaluate, gaussian } from '../../../../../test/run.ts';
import { runFile } from '../../../../../test/run-file.ts';
import { UserError } from '../../base/errors.ts';
import { f32, i64, type Tensor, tensor } from '../../base/tensor.ts';
import { constant, encode, input } from '../../graph/index.ts';
import { initialise, normalisePixels, Scope } from '../../nn/index.ts';
import { softmax, transpose } from '../../ops/index.ts';
import { conv4 } from '../conv4.ts';
import { applyModel, imageNetPreprocessing } from '../model.ts';
import { type OnnxModelOptions, openOnnxModel } from './open.ts';

const node = (operator: string, inputs: string[], output: string, more: Partial<FileNode> = {}): FileNode => ({
  operator,
  inputs,
  outputs: [output],
  ...more,
});
const weight = (...shape: number[]) => gaussian(shape, 'weight', ...shape);
const positive = (n: number) =>
  f32(
    [n],
    (weight(n).data as Float32Array).map((v) => Math.abs(v) + 0.5),
  );

/** A convolution, its mean over the image, a linear layer. */
const plain: OnnxFile = {
  opset: 13,
  nodes: [
    node('Conv', ['x', 'conv.weight'], 'conv', { name: 'conv', attributes: { pads: [1, 1, 1, 1] } }),
    node('Relu', ['conv'], 'relu'),
    node('GlobalAveragePool', ['relu'], 'pool'),
    node('Flatten', ['pool'], 'flat'),
    node('Gemm', ['flat', 'fc.weight', 'fc.bias'], 'y', { attributes: { transB: 1 } }),
  ],
  initializers: { 'conv.weight': weight(4, 3, 3, 3), 'fc.weight': weight(5, 4), 'fc.bias': weight(5) },
  inputs: [{ name: 'x', shape: ['n', 3, 8, 8] }],
  outputs: [{ name: 'y', shape: ['n', 5] }],
};
const changed = (nodes: readonly FileNode[], more: Partial<OnnxFile> = {}) =>
  onnxFile({ ...plain, ...more, nodes, initializers: { ...plain.initializers, ...more.initializers } });

/** The logits of the imported model beside what ORT makes of the file. */
async function compare(
  bytes: Uint8Array,
  options: OnnxModelOptions,
  feeds: { images: Tensor; file: Record<string, Tensor> },
) {
  const opened = openOnnxModel(bytes, options);
  const { scope, trace } = Scope.root({ training: false });
  const x = input('images', 'f32', feeds.images.shape);
  const logits = applyModel(opened.model, scope, x, { numClasses: opened.numClasses });
  const actual = await evaluate(
    { logits, probabilities: softmax(logits) },
    { ...opened.tensors, images: feeds.images },
  );
  return { opened, trace, actual, expected: await runFile(bytes, feeds.file) };
}

describe('TensorFlow’s way: channels last, padding by name, a product and a sum, a softmax', () => {
  const mean = 'model/conv1/BiasAdd/ReadVariableOp:0';
  const file: OnnxFile = {
    opset: 11,
    nodes: [
      node('Transpose', ['input:0'], 't', { attributes: { perm: [0, 3, 1, 2] } }),
      node('Conv', ['t', 'model/conv1/Conv2D/ReadVariableOp:0', mean], 'c', {
        name: 'model/conv1/Conv2D',
        attributes: { auto_pad: 'SAME_UPPER', strides: [2, 2] },
      }),
      node(
        'BatchNormalization',
        ['c', 'model/bn1/gamma:0', 'model/bn1/beta:0', 'model/bn1/m:0', 'model/bn1/v:0'],
        'b',
        {
          attributes: { epsilon: { float: 1e-3 }, momentum: { float: 0.99 } },
        },
      ),
      node('Clip', ['b', 'zero', 'six'], 'r'),
      node('ReduceMean', ['r'], 'p', { attributes: { axes: [2, 3], keepdims: 0 } }),
      node('MatMul', ['p', 'model/logits/MatMul/ReadVariableOp:0'], 'm'),
      node('Add', ['m', 'model/logits/BiasAdd/ReadVariableOp:0'], 'a'),
      node('Softmax', ['a'], 'output:0'),
    ],
    initializers: {
      'model/conv1/Conv2D/ReadVariableOp:0': weight(4, 3, 3, 3),
      [mean]: weight(4),
      'model/bn1/gamma:0': positive(4),
      'model/bn1/beta:0': weight(4),
      'model/bn1/m:0': weight(4),
      'model/bn1/v:0': positive(4),
      zero: f32([], [0]),
      six: f32([], [6]),
      'model/logits/MatMul/ReadVariableOp:0': weight(4, 6),
      'model/logits/BiasAdd/ReadVariableOp:0': weight(6),
    },
    inputs: [{ name: 'input:0', shape: ['unk__1', 9, 9, 3] }],
    outputs: [{ name: 'output:0', shape: ['unk__1', 6] }],
  };

  test('numbers, names, notes', async () => {
    const images = gaussian([2, 3, 9, 9], 'channels last');
    const turned = await evaluate({ y: transpose(input('x', 'f32', images.shape), [0, 2, 3, 1]) }, { x: images });
    const { opened, trace, actual, expected } = await compare(
      onnxFile(file),
      {},
      { images, file: { 'input:0': turned.y! } },
    );
    expect(relativeError(actual.probabilities!, expected['output:0']!)).toBeLessThan(tolerance.model);
    const conv = 'model.conv1.Conv2D';
    const bn = 'model.bn1';
    expect([...trace.variables.keys()]).toEqual([
      `${conv}.weight`,
      `${conv}.bias`,
      ...['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked'].map((part) => `${bn}.${part}`),
      'model.logits.MatMul.weight',
      'model.logits.MatMul.bias',
    ]);
    expect([opened.numClasses, opened.model.headPath, opened.model.preprocessing.crop]).toEqual([
      6,
      'model.logits.MatMul',
      9,
    ]);
    expect(opened.notes.at(-1)).toBe('Softmax behind the logits is left out.');
  });

  test('momentum: ONNX’s share of the old statistics is one less PyTorch’s of the new', async () => {
    const { model, tensors } = openOnnxModel(onnxFile(file));
    const { scope, trace } = Scope.root({ training: true });
    const x = gaussian([4, 3, 9, 9], 'momentum');
    applyModel(model, scope, input('x', 'f32', x.shape), { numClasses: 2 });
    const still = Scope.root({ training: true, batchNorm: 'batch' });
    const updated = trace.updates.get('model.bn1.running_mean')!;
    expect(still.trace.updates.size).toBe(0);
    const results = await evaluate({ updated }, { ...tensors, x });
    const before = tensors['model.bn1.running_mean']!.data as Float32Array;
    // 0.99 · old + 0.01 · the batch's mean, which is of the order of 1.
    const moved = (results.updated!.data as Float32Array).map((value, i) => (value - 0.99 * before[i]!) / 0.01);
    expect(Math.max(...moved.map(Math.abs))).toBeLessThan(10);
    expect(Math.max(...moved.map(Math.abs))).toBeGreaterThan(0.01);
  });
});

test('a file that Graft wrote: bytes go in, classes and preprocessing are in its metadata', async () => {
  const zoo = { ...conv4({ filters: 4 }), preprocessing: { ...imageNetPreprocessing, resize: 18, crop: 16 } };
  const { scope, trace } = Scope.root({ training: false });
  applyModel(zoo, scope, input('x', 'f32', [1, 3, 16, 16]), { numClasses: 3 });
  const weights = initialise(trace.variables.values(), 1);
  const pixels = tensor(
    'u8',
    [1, 3, 16, 16],
    Uint8Array.from({ length: 768 }, (_, i) => (i * 37) % 256),
  );
  const frozen = Scope.root({ training: false, variable: ({ name }) => constant(weights[name]!) }).scope;
  const normalised = normalisePixels(input('pixels', 'u8', [1, 3, 16, 16]), zoo.preprocessing);
  const logits = applyModel(zoo, frozen, normalised, { numClasses: 3 });
  const metadata = {
    format: 'graft',
    classes: JSON.stringify(['a', 'b', 'c']),
    preprocessing: JSON.stringify(zoo.preprocessing),
  };
  const bytes = encode({ logits, probabilities: softmax(logits) }, { metadata }).model;
  const opened = openOnnxModel(bytes);
  expect([opened.classes, opened.numClasses, opened.notes]).toEqual([['a', 'b', 'c'], 3, []]);
  expect(opened.model.preprocessing).toMatchObject({ resize: 18, crop: 16, mean: [0, 0, 0] });
  const again = Scope.root({ training: false }).scope;
  const images = normalisePixels(input('pixels', 'u8', [1, 3, 16, 16]), opened.model.preprocessing);
  const read = applyModel(opened.model, again, images, { numClasses: 3 });
  const { y } = await evaluate({ y: read }, { ...opened.tensors, pixels });
  expect(relativeError(y!, (await runFile(bytes, { pixels })).logits!)).toBeLessThan(tolerance.model);
});

test('grey images are weighted by brightness', async () => {
  const nodes = plain.nodes.with(0, node('Conv', ['x', 'grey.weight'], 'conv'));
  const bytes = changed(nodes, {
    initializers: { 'grey.weight': weight(4, 1, 3, 3) },
    inputs: [{ name: 'x', shape: [1, 1, 28, 28] }],
  });
  const images = gaussian([1, 3, 28, 28], 'colours');
  const data = images.data as Float32Array;
  const grey = f32(
    [1, 1, 28, 28],
    Array.from({ length: 784 }, (_, i) => 0.299 * data[i]! + 0.587 * data[784 + i]! + 0.114 * data[1568 + i]!),
  );
  const { opened, actual, expected } = await compare(bytes, {}, { images, file: { x: grey } });
  expect(relativeError(actual.logits!, expected.y!)).toBeLessThan(tolerance.model);
  expect(opened.notes.at(-1)).toMatch(/grey/);
  expect(opened.model.preprocessing).toMatchObject({ resize: 28, crop: 28 });
});

test('what images are divided by before the first layer is not learned; a scale behind it is', () => {
  const nodes = [
    node('Sub', ['x', 'mean'], 'centred'),
    node('Div', ['centred', 'std'], 'normalised'),
    node('Conv', ['normalised', 'conv.weight'], 'conv'),
    node('Mul', ['conv', 'gain'], 'relu'),
    ...plain.nodes.slice(2),
  ];
  const perChannel = (name: string) => ({ [name]: weight(1, 3, 1, 1) });
  const { tensors } = openOnnxModel(
    changed(nodes, { initializers: { ...perChannel('mean'), ...perChannel('std'), gain: weight(1, 4, 1, 1) } }),
  );
  expect(Object.keys(tensors)).toEqual(['conv.weight', 'gain', 'fc.weight', 'fc.bias']);
});

test('a weight that is computed from others stays as it is, and a note says so', () => {
  const nodes = [
    node('Div', ['conv.weight', 'spread'], 'standardised'),
    node('Conv', ['x', 'standardised'], 'conv'),
    ...plain.nodes.slice(1),
  ];
  const { tensors, notes } = openOnnxModel(changed(nodes, { initializers: { spread: weight(4, 1, 1, 1) } }));
  expect(Object.keys(tensors)).toEqual(['fc.weight', 'fc.bias']);
  expect(notes.at(-1)).toBe('The file computes the weights of one layer from others; these are not trained.');
});

describe('a file that loses images in any batch but its own is refused', () => {
  test('by places that are written into it', () => {
    const nodes = [
      ...plain.nodes.slice(0, 3),
      node('Reshape', ['pool', 'row'], 'numbers'),
      node('Gather', ['numbers', 'places'], 'flat', { name: 'strided' }),
      plain.nodes[4]!,
    ];
    const bytes = changed(nodes, { initializers: { row: i64([1], [-1]), places: i64([1, 4], [0, 1, 2, 3]) } });
    expect(() => openOnnxModel(bytes)).toThrow('the Gather node "strided" makes [1,4] of 1 and [1,4] of 2 images');
  });
});

test('a weight that two layers use is one parameter; equal scales of two norms are two', () => {
  const norm = (x: string, y: string) =>
    node('BatchNormalization', [x, 'ones', 'zeros', 'zeros', 'ones'], y, { name: y });
  const nodes = [
    plain.nodes[0]!,
    node('Conv', ['conv', 'square'], 'a'),
    norm('a', 'first'),
    node('Conv', ['first', 'square'], 'b'),
    norm('b', 'relu'),
    ...plain.nodes.slice(2),
  ];
  const initializers = { square: weight(4, 4, 1, 1), ones: f32([4], [1, 1, 1, 1]), zeros: f32([4], [0, 0, 0, 0]) };
  const { model } = openOnnxModel(changed(nodes, { initializers }));
  const { scope, trace } = Scope.root({ training: true });
  applyModel(model, scope, input('x', 'f32', [2, 3, 8, 8]), { numClasses: 2 });
  const parameters = [...trace.variables.values()].filter(({ kind }) => kind === 'parameter').map(({ name }) => name);
  expect(parameters).toEqual([
    ...['conv.weight', 'square.weight', 'ones.weight', 'ones.bias', 'zeros.weight', 'zeros.bias'],
    ...['fc.weight', 'fc.bias'],
  ]);
  expect(trace.updates.size).toBe(6);
});

describe('which output has the logits', () => {
  const both = [...plain.nodes, node('Softmax', ['y'], 'p'), node('Flatten', ['relu'], 'maps')];
  const outputs = (...names: string[]) => names.map((name) => ({ name, shape: ['n', 5] }));
  test.each([
    [outputs('y', 'p'), {}, 'the last'],
    [outputs('maps', 'y'), { output: 'p' }, 'error'],
  ] as const)('%j', (slots, options, outcome) => {
    const open = () => openOnnxModel(changed(both, { outputs: slots }), options);
    if (outcome === 'error') expect(open).toThrow('output "p" is not known');
    else expect(open().notes.at(-1)).toBe('Softmax behind the logits is left out.');
  });
  test('the one that is called so, or that is asked for', () => {
    const named = [
      ...plain.nodes.slice(0, 4),
      { ...plain.nodes[4]!, outputs: ['my_logits'] },
      node('Softmax', ['my_logits'], 'p'),
    ];
    const bytes = changed(named, { outputs: outputs('my_logits', 'p') });
    expect(openOnnxModel(bytes).notes.length).toBe(1);
    expect(openOnnxModel(bytes, { output: 'p' }).notes.length).toBe(2);
  });
});

describe('what cannot be a model is refused, with its nodes', () => {
  const broken = (index: number, replacement: FileNode, initializers = {}) =>
    changed(plain.nodes.with(index, replacement), { initializers });
  test.each<[string, () => Uint8Array, string | RegExp]>([
    [
      'operators that there are not, all of them',
      () =>
        changed([
          ...plain.nodes.slice(0, 1),
          node('Einsum', ['conv'], 'e1', { name: 'attention/first' }),
          node('Einsum', ['e1'], 'e2', { name: 'attention/second' }),
          node('FusedGelu', ['e2'], 'relu', { domain: 'com.microsoft' }),
          ...plain.nodes.slice(2),
        ]),
      '2 operators of this file (opset 13) are not supported. By operator, the nodes:\n' +
        '  Einsum: attention/first, attention/second\n  com.microsoft.FusedGelu: relu',
    ],
    ['an opset too old', () => onnxFile({ ...plain, opset: 6 }), 'opset 6; 7 is the oldest'],
    [
      'two inputs',
      () => changed(plain.nodes, { inputs: [...plain.inputs, { name: 'mask', shape: [5] }] }),
      'expected one input',
    ],
    [
      'no images',
      () => changed(plain.nodes, { inputs: [{ name: 'x', shape: ['n', 8] }] }),
      'but the file has "x" [n, 8]',
    ],
    [
      'other channels',
      () => changed(plain.nodes, { inputs: [{ name: 'x', shape: ['n', 4, 8, 8] }] }),
      'images of 3 channels or 1',
    ],
    ['a rectangle', () => changed(plain.nodes, { inputs: [{ name: 'x', shape: ['n', 3, 8, 9] }] }), 'only squares'],
    [
      'no classifier',
      () =>
        changed([...plain.nodes.slice(0, 4), node('Mul', ['flat', 'gain'], 'y')], {
          initializers: { gain: weight(4) },
        }),
      'ends at the Mul node that makes "y"',
    ],
    ['an output of constants', () => changed([node('Relu', ['conv.weight'], 'y')]), 'does not depend on the image'],
    [
      'channels that do not fit',
      () => broken(0, node('Conv', ['x', 'wide'], 'conv', { name: 'first' }), { wide: weight(4, 5, 3, 3) }),
      /Conv node "first" does not take \[1,3,8,8\]/,
    ],
    [
      'a shape that does not fit',
      () =>
        changed(
          [...plain.nodes.slice(0, 3), node('Reshape', ['pool', 'to'], 'flat', { name: 'view' }), plain.nodes[4]!],
          { initializers: { to: i64([2], [2, 5]) } },
        ),
      /Reshape node "view" reshapes \[1,4,1,1\] to \[2,5\]/,
    ],
    [
      'an enormous convolution',
      () => broken(0, node('Conv', ['x', 'conv.weight'], 'conv', { attributes: { pads: [1, 1, 2 ** 40, 1] } })),
      /has pads/,
    ],
    [
      'an enormous expansion',
      () => broken(1, node('Tile', ['conv', 'many'], 'relu'), { many: i64([4], [1, 1, 1e6, 1e6]) }),
      /Tile node that makes "relu" makes the shape/,
    ],
    [
      'an enormous constant',
      () => broken(1, node('ConstantOfShape', ['many'], 'relu'), { many: i64([3], [1e6, 1e6, 1e6]) }),
      /does not depend on the image/,
    ],
  ])('%s', (_name, make, message) => {
    expect(() => openOnnxModel(make())).toThrow(UserError);
    expect(() => openOnnxModel(make())).toThrow(message);
  });
});

test('the caller’s preprocessing comes before what is assumed', () => {
  const half = [0.5, 0.5, 0.5] as const;
  const { model, notes } = openOnnxModel(onnxFile(plain), {
    mean: half,
    std: half,
    size: 16,
    resize: 20,
    interpolation: 'bicubic',
  });
  expect(model.preprocessing).toEqual({ resize: 20, crop: 16, interpolation: 'bicubic', mean: half, std: half });
  expect(notes).toEqual([]);
  expect(openOnnxModel(onnxFile(plain)).notes).toEqual([expect.stringContaining('ImageNet are assumed')]);
});

test.each([
  ['QuantizeLinear', /The file is quantised.*Open the model that it was made from/],
  ['If', /Its control flow is decided at run time.*onnxsim/],
])('%s is not only missing: it says what to open', (operator, reason) => {
  const bytes = onnxFile({
    opset: 13,
    nodes: [
      { operator, inputs: ['x'], outputs: ['h'] },
      { operator: 'GlobalAveragePool', inputs: ['h'], outputs: ['y'] },
    ],
    inputs: [{ name: 'x', shape: [1, 3, 8, 8] }],
    outputs: [{ name: 'y', shape: [1, 3, 1, 1] }],
  });
  expect(() => openOnnxModel(bytes)).toThrow(reason);
});
