import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { relativeError } from '../../../../../test/golden.ts';
import { type FileAttribute, type FileNode, type OnnxFile, onnxFile } from '../../../../../test/onnx-file.ts';
import { evaluate, gaussian, numbers } from '../../../../../test/run.ts';
import { runFile } from '../../../../../test/run-file.ts';
import { UserError } from '../../base/errors.ts';
import { type RandomStream, randomStream } from '../../base/random.ts';
import { f32, i64, sizeOf, type Tensor } from '../../base/tensor.ts';
import { input } from '../../graph/index.ts';
import { Scope } from '../../nn/index.ts';
import { applyModel } from '../model.ts';
import { openOnnxModel } from './open.ts';
import { operators } from './operators/index.ts';

/** Opens what may be anything. Says whether it was a model; anything but a UserError is a failure. */
function survives(bytes: Uint8Array): boolean {
  try {
    const { tensors, numClasses } = openOnnxModel(bytes);
    for (const { shape, data } of Object.values(tensors)) expect(data.length).toBe(sizeOf(shape));
    expect(numClasses).toBeGreaterThanOrEqual(0);
    return true;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    // Our own mistakes come as causes; of these only shapes that do not fit are expected.
    expect(error.cause, String(error)).not.toBeInstanceOf(TypeError);
    return false;
  }
}

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
const weight = (...shape: number[]) => gaussian(shape, 'fuzz', ...shape);
const ints = (...values: number[]) => i64([values.length], values);

/** A network with shapes as inputs, as attributes and computed: much that can be wrong. */
const network: OnnxFile = {
  opset: 13,
  nodes: [
    node('Pad', ['x', 'pads'], 'padded', { mode: 'reflect' }),
    node('Conv', ['padded', 'w1', 'b1'], 'c1', { strides: [2, 2], pads: [1, 1, 1, 1], kernel_shape: [3, 3] }),
    node('BatchNormalization', ['c1', 'b1', 'b1', 'b1', 'v1'], 'n1', { epsilon: { float: 1e-3 } }),
    node('MaxPool', ['n1'], 'm1', { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 }),
    node('AveragePool', ['m1'], 'a1', { kernel_shape: [2, 2], pads: [0, 0, 1, 1] }),
    node('Resize', ['a1', '', 'scales'], 'r1', { mode: 'linear' }),
    node('LRN', ['r1'], 'l1', { size: 3 }),
    node('Slice', ['l1', 'starts', 'ends', 'axes'], 's1'),
    node('Concat', ['s1', 's1'], 'k1', { axis: 1 }),
    node('Transpose', ['k1'], 't1', { perm: [0, 2, 3, 1] }),
    node('Shape', ['t1'], 'shape'),
    node('Gather', ['shape', 'zero'], 'batch', { axis: 0 }),
    node('Unsqueeze', ['batch', 'front'], 'row'),
    node('Concat', ['row', 'rest'], 'target', { axis: 0 }),
    node('Reshape', ['t1', 'target'], 'v1d'),
    node('ReduceMean', ['v1d'], 'mean', { axes: [1], keepdims: 0 }),
    node('Tile', ['mean', 'repeats'], 'tiled'),
    node('Gemm', ['tiled', 'w2', 'b2'], 'y', { transB: 1 }),
  ],
  initializers: {
    pads: ints(0, 0, 1, 1, 0, 0, 1, 1),
    w1: weight(4, 3, 3, 3),
    b1: weight(4),
    v1: gaussian([4], 'variance'),
    scales: f32([4], [1, 1, 2, 2]),
    starts: ints(0),
    ends: ints(4),
    axes: ints(1),
    zero: i64([], [0]),
    front: ints(0),
    rest: ints(-1, 8),
    repeats: ints(1, 1),
    w2: weight(3, 8),
    b2: weight(3),
  },
  inputs: [{ name: 'x', shape: [1, 3, 16, 16] }],
  outputs: [{ name: 'y', shape: [1, 3] }],
};
const nasty = [0, -1, 1, 2, 3, 7, 64, 65_536, 2 ** 31 - 1, -(2 ** 31), 2 ** 40, -(2 ** 53), Number.MAX_SAFE_INTEGER];

function choose<T>(stream: RandomStream, items: readonly T[]): T {
  return items[stream.integer(items.length)]!;
}

function mutatedAttribute(stream: RandomStream, attribute: FileAttribute): FileAttribute {
  if (typeof attribute === 'number') return choose(stream, nasty);
  if (typeof attribute === 'string') return choose(stream, ['', 'edge', 'SAME_UPPER', 'align_corners', '__proto__']);
  if (!Array.isArray(attribute)) return { float: choose(stream, [0, -1, 1e30, Number.NaN, Number.POSITIVE_INFINITY]) };
  const list: number[] = [...attribute];
  if (stream.integer(4) === 0) return stream.integer(2) === 0 ? list.slice(1) : [...list, 1];
  return list.with(stream.integer(list.length), choose(stream, nasty));
}

/** The network with one thing wrong: an attribute, an input (also into a circle), an operator, a shape, a number. */
function mutated(stream: RandomStream, file: OnnxFile): OnnxFile {
  const at = stream.integer(file.nodes.length);
  const chosen = file.nodes[at]!;
  const change = (part: Partial<FileNode>) => ({ ...file, nodes: file.nodes.with(at, { ...chosen, ...part }) });
  const names = [...Object.keys(file.initializers!), ...file.nodes.flatMap(({ outputs }) => outputs), 'x', ''];
  const attributes = Object.entries(chosen.attributes ?? {});
  switch (stream.integer(6)) {
    case 0: {
      if (attributes.length === 0) return change({ attributes: { axis: choose(stream, nasty) } });
      const [key, value] = choose(stream, attributes);
      return change({ attributes: { ...chosen.attributes, [key]: mutatedAttribute(stream, value) } });
    }
    case 1:
      return change({ inputs: chosen.inputs.with(stream.integer(chosen.inputs.length), choose(stream, names)) });
    case 2:
      return change({ operator: choose(stream, Object.keys(operators)) });
    case 3:
      return change({
        inputs: stream.integer(2) === 0 ? chosen.inputs.slice(1) : [...chosen.inputs, choose(stream, names)],
      });
    default: {
      const key = choose(stream, Object.keys(file.initializers!));
      return {
        ...file,
        initializers: { ...file.initializers, [key]: mutatedTensor(stream, file.initializers![key]!) },
      };
    }
  }
}

function mutatedTensor(stream: RandomStream, value: Tensor): Tensor {
  if (value.dtype === 'i64' && stream.integer(4) > 0) {
    const numbers = Array.from(value.data, Number);
    return i64(value.shape, numbers.with(stream.integer(numbers.length), choose(stream, nasty)));
  }
  const shape = [...value.shape];
  if (shape.length === 0 || stream.integer(3) === 0) shape.push(choose(stream, [0, 1, 2]));
  else if (stream.integer(2) === 0) shape.splice(stream.integer(shape.length), 1);
  else shape[stream.integer(shape.length)] = choose(stream, [0, 1, 2, 5]);
  return value.dtype === 'i64' ? i64(shape, new Array(sizeOf(shape)).fill(1)) : gaussian(shape, 'mutated');
}

test('the network itself is sound', () => {
  expect(survives(onnxFile(network))).toBe(true);
});

/** The error of the model's logits, relative to what ORT computes; null where ORT refuses the file. */
async function errorOf(bytes: Uint8Array): Promise<number | null> {
  const x = gaussian([1, 3, 16, 16], 'images');
  const reference = await runFile(bytes, { x }).catch(() => null);
  if (!reference) return null;
  const { model, tensors, numClasses } = openOnnxModel(bytes);
  const { scope } = Scope.root({ training: false });
  const logits = applyModel(model, scope, input('x', 'f32', x.shape), { numClasses });
  const { y } = await evaluate({ y: logits }, { ...tensors, x });
  const finite = numbers(reference.y).every(Number.isFinite);
  return finite ? relativeError(f32(reference.y!.shape, y!.data as Float32Array), reference.y!) : 0;
}

test('one or two things wrong: an error, or a model that computes what ORT does', async () => {
  const stream = randomStream(3, 'structured');
  const outcomes = { refused: 0, models: 0, compared: 0 };
  for (let round = 0; round < 500; round++) {
    let file = mutated(stream, network);
    if (round % 3 === 0) file = mutated(stream, file);
    const bytes = onnxFile(file);
    if (!survives(bytes)) {
      outcomes.refused++;
      continue;
    }
    outcomes.models++;
    const error = await errorOf(bytes);
    if (error === null) continue; // an input or an attribute too many, which says nothing
    outcomes.compared++;
    expect(error, `round ${round}`).toBeLessThan(1e-4);
  }
  expect(outcomes.refused).toBeGreaterThan(200);
  expect(outcomes.compared).toBeGreaterThan(25);
});

describe('what grows faster than the file', () => {
  const small = (nodes: readonly FileNode[], initializers: OnnxFile['initializers'] = {}) =>
    onnxFile({ ...network, nodes, initializers: { ...network.initializers, ...initializers } });
  const tail = (x: string) => [
    node('GlobalAveragePool', [x], 'pool'),
    node('Flatten', ['pool'], 'flat'),
    node('Gemm', ['flat', 'w', 'b2'], 'y', { transB: 1 }),
  ];
  const chain = (operator: string, others: string[], length: number) =>
    Array.from({ length }, (_, i) => node(operator, [i === 0 ? 'x' : `h${i - 1}`, ...others], `h${i}`));
  const name = 'a.'.repeat(500_000);

  test.each<[string, () => Uint8Array, boolean]>([
    ['10,000 aliases', () => small([...chain('Identity', [], 10_000), ...tail('h9999')], { w: weight(3, 3) }), true],
    [
      'doubling, 60 times',
      () =>
        small(
          [
            ...Array.from({ length: 60 }, (_, i) =>
              node('Concat', i === 0 ? ['x', 'x'] : [`h${i - 1}`, `h${i - 1}`], `h${i}`, { axis: 1 }),
            ),
            ...tail('h59'),
          ],
          { w: weight(3, 3) },
        ),
      false,
    ],
    [
      'a constant, doubling',
      () =>
        small(
          [
            ...Array.from({ length: 40 }, (_, i) =>
              node('Concat', i === 0 ? ['b1', 'b1'] : [`h${i - 1}`, `h${i - 1}`], `h${i}`, { axis: 0 }),
            ),
            node('ReduceMax', ['h39'], 'm'),
            node('Add', ['x', 'm'], 'z'),
            ...tail('z'),
          ],
          { w: weight(3, 3) },
        ),
      false,
    ],
    [
      '20,000 nodes too many',
      () => small([...chain('Relu', [], 40_000), ...tail('h39999')], { w: weight(3, 3) }),
      false,
    ],
    [
      'a name of a million characters',
      () => small([node('Conv', ['x', name], 'c'), ...tail('c')], { [name]: weight(3, 3, 1, 1), w: weight(3, 3) }),
      true,
    ],
    [
      '1,000 layers of one name',
      () =>
        small([...chain('BatchNormalization', ['s', 's', 's', 's'], 1000), ...tail('h999')], {
          s: f32([3], [1, 1, 1]),
          w: weight(3, 3),
        }),
      true,
    ],
  ])('%s', (_title, make, model) => {
    expect(survives(make())).toBe(model);
  });
});

describe('many nodes, each below the limit for one', () => {
  const side = i64([2], [256, 256]);
  const tail = (x: string) => [
    node('ReduceMax', [x], 'most', { keepdims: 0 }),
    node('Add', ['x', 'most'], 'sum'),
    node('GlobalAveragePool', ['sum'], 'pool'),
    node('Flatten', ['pool'], 'flat'),
    node('Gemm', ['flat', 'w', 'b2'], 'y', { transB: 1 }),
  ];
  const chain = (length: number, make: (before: string, i: number) => FileNode[]) =>
    Array.from({ length }, (_, i) => make(i === 0 ? 'first' : `h${i - 1}`, i)).flat();
  const first = node('ConstantOfShape', ['side'], 'first');
  const refusal = (nodes: readonly FileNode[], initializers: OnnxFile['initializers'] = {}) => {
    const own = { side, one: f32([1], [1]), w: weight(3, 3), b2: weight(3), ...initializers };
    const file = onnxFile({ ...network, nodes, initializers: own });
    expect(file.length).toBeLessThan(20_000_000);
    try {
      openOnnxModel(file);
    } catch (error) {
      if (error instanceof UserError) return error.message;
      throw error;
    }
    return 'a model';
  };

  test.each<[string, () => string]>([
    [
      'additions',
      () => refusal([first, ...chain(2100, (x, i) => [node('Add', [x, 'one'], `h${i}`)]), ...tail('h2099')]),
    ],
    [
      'that depend on the shape of the images',
      () => {
        const shape = [node('Shape', ['x'], 's'), node('Gather', ['s', 'zero'], 'n'), node('Mul', ['n', 'side'], 'm')];
        const start = node('ConstantOfShape', ['m'], 'first');
        const more = chain(2100, (x, i) => [node('Add', [x, 'one'], `h${i}`)]);
        return refusal([...shape, start, ...more, ...tail('h2099')], { zero: i64([], [0]) });
      },
    ],
    [
      'ranges',
      () => {
        const ends = { from: i64([], [0]), to: i64([], [65_536]), by: i64([], [1]) };
        const ranges = chain(300, (x, i) => [
          node('Range', ['from', 'to', 'by'], `r${i}`),
          node('Add', [i === 0 ? 'from' : x, `r${i}`], `h${i}`),
        ]);
        return refusal([...ranges, node('Cast', ['h299'], 'last', { to: 1 }), ...tail('last')], ends);
      },
    ],
    [
      'numbers put into a large constant',
      () => {
        const places = { data: f32([2_000_000], new Float32Array(2_000_000)), at: i64([1, 1], [0]) };
        const nodes = chain(20, (x, i) => [node('ScatterND', [i === 0 ? 'data' : x, 'at', 'one'], `h${i}`)]);
        return refusal([...nodes, ...tail('h19')], places);
      },
    ],
    [
      'matrices of resizing',
      () => {
        const by = (scale: number) => f32([4], [1, 1, scale, scale]);
        const scales = { far: by(128), up: by(2), down: by(0.5) };
        const nodes = chain(6, (x, i) => [
          node('Resize', [i === 0 ? 'x' : x, '', i === 0 ? 'far' : i % 2 ? 'up' : 'down'], `h${i}`),
        ]);
        const named = nodes.map((one) => ({ ...one, attributes: { mode: 'linear' } }));
        return refusal([...named, ...tail('h5')], scales);
      },
    ],
  ])('%s', { timeout: 60_000 }, (_title, open) => {
    expect(open()).toMatch(/(compute more than 16777216 numbers|make more than \d+ numbers) (from|of) constants/);
  });

  test('outputs that nobody makes are not made', () => {
    const split = { ...node('Split', ['x'], 'h0', { axis: 1, num_outputs: 2 ** 31 }), outputs: ['h0', 'h1'] };
    expect(refusal([split, ...tail('h0')])).toMatch(/has 2 outputs, not 2147483648/);
  });
});

describe('bytes cut short or changed', () => {
  test.each(['residual_13_train', 'transformer_17', 'sequence_13_static', 'fire_8'])('%s', (name) => {
    const whole = new Uint8Array(readFileSync(new URL(`../../../../../golden/onnx/${name}.onnx`, import.meta.url)));
    const stream = randomStream(5, 'bytes', name);
    for (let round = 0; round < 150; round++) {
      const bytes = round % 5 === 0 ? whole.slice(0, stream.integer(whole.length)) : whole.slice();
      for (let flips = 1 + (round % 4); flips > 0; flips--) {
        if (bytes.length > 0) bytes[stream.integer(bytes.length)]! ^= 1 << stream.integer(8);
      }
      survives(bytes);
    }
  });
});
