import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { describe, expect, test } from 'vitest';
import { type FileNode, type OnnxFile, onnxFile } from '../../../../test/onnx-file.ts';
import { gaussian, numbers } from '../../../../test/run.ts';
import { UserError } from '../base/errors.ts';
import { randomStream } from '../base/random.ts';
import { f32, i64, sizeOf, type Tensor, tensor } from '../base/tensor.ts';
import { add, conv2d, maxPool, mul, relu, reshape } from '../ops/index.ts';
import { constant, decode, describeNode, encode, input } from './index.ts';

const slot = (name: string, shape: readonly (number | string)[] = [1]) => ({ name, shape });
const node = (operator: string, inputs: string[], outputs: string[], more: Partial<FileNode> = {}) => ({
  operator,
  inputs,
  outputs,
  ...more,
});
const small: OnnxFile = {
  opset: 13,
  nodes: [
    node('Conv', ['x', 'w'], ['h'], { name: 'first', attributes: { pads: [1, 1, 1, 1], group: 1 } }),
    node('Elu', ['h'], ['y'], { attributes: { alpha: { float: 0.5 }, note: 'text', list: { floats: [1, 2.5] } } }),
  ],
  initializers: { w: gaussian([2, 3, 3, 3], 'w') },
  inputs: [slot('x', ['batch', 3, 8, 8])],
  outputs: [slot('y', ['batch', 2, 8, 8])],
  metadata: { author: 'nobody' },
};

test('everything that is in a file', () => {
  const model = decode(onnxFile(small));
  expect([...model.opsets]).toEqual([['', 13]]);
  expect(model.metadata).toEqual({ author: 'nobody' });
  expect(model.inputs).toEqual([{ name: 'x', dtype: 'f32', shape: ['batch', 3, 8, 8] }]);
  expect(model.outputs).toEqual([{ name: 'y', dtype: 'f32', shape: ['batch', 2, 8, 8] }]);
  expect(model.initializers.get('w')).toEqual(small.initializers!.w);
  const [conv, elu] = model.nodes;
  expect([describeNode(conv!), describeNode(elu!)]).toEqual(['Conv node "first"', 'Elu node that makes "y"']);
  expect([...conv!.attributes]).toEqual([
    ['pads', { kind: 'ints', value: [1, 1, 1, 1] }],
    ['group', { kind: 'int', value: 1 }],
  ]);
  expect([...elu!.attributes.values()]).toEqual([
    { kind: 'float', value: 0.5 },
    { kind: 'string', value: 'text' },
    { kind: 'floats', value: [1, 2.5] },
  ]);
});

test('what our own writer writes reads back', () => {
  const x = input('x', 'f32', [2, 3, 6, 6]);
  const weight = gaussian([4, 3, 3, 3], 'own');
  const geometry = { strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1], groups: 1 } as const;
  const h = relu(conv2d(x, constant(weight), geometry));
  const y = reshape(add(maxPool(h, { kernel: [2, 2] }), 1), [2, -1]);
  const model = decode(encode({ y, twice: mul(y, 2) }).model);
  expect(model.nodes.map(({ operator }) => operator)).toEqual(['Conv', 'Relu', 'MaxPool', 'Add', 'Reshape', 'Mul']);
  expect(model.inputs).toEqual([{ name: 'x', dtype: 'f32', shape: [2, 3, 6, 6] }]);
  expect(model.outputs.map(({ name, shape }) => [name, shape])).toEqual([
    ['y', [2, 16]],
    ['twice', [2, 16]],
  ]);
  expect(model.initializers.get(model.nodes[0]!.inputs[1]!)).toEqual(weight);
  expect(model.opsets.get('')).toBe(18);
});

test('nodes are put in order', () => {
  const model = decode(onnxFile({ ...small, nodes: small.nodes.toReversed() }));
  expect(model.nodes.map(({ operator }) => operator)).toEqual(['Conv', 'Elu']);
});

test('an input that only gives an initializer its type is none', () => {
  const model = decode(onnxFile({ ...small, inputs: [...small.inputs, slot('w', [2, 3, 3, 3])] }));
  expect(model.inputs.map(({ name }) => name)).toEqual(['x']);
});

/** A model of one tensor whose fields are written by hand. */
function withTensor(write: (w: BinaryWriter) => void): Uint8Array {
  const graph = new BinaryWriter().tag(5, WireType.LengthDelimited).fork();
  graph.tag(8, WireType.LengthDelimited).string('t');
  write(graph);
  graph.join();
  return new BinaryWriter().tag(7, WireType.LengthDelimited).bytes(graph.finish()).finish();
}
const header = (w: BinaryWriter, code: number, ...dims: number[]) => {
  for (const dimension of dims) w.tag(1, WireType.Varint).int64(dimension);
  return w.tag(2, WireType.Varint).int32(code);
};
const raw = (w: BinaryWriter, values: ArrayBufferView<ArrayBuffer>) =>
  w.tag(9, WireType.LengthDelimited).bytes(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));

describe('element types', () => {
  const packed = (w: BinaryWriter, field: number, write: () => void) => {
    w.tag(field, WireType.LengthDelimited).fork();
    write();
    w.join();
  };
  test.each<[string, (w: BinaryWriter) => void, Tensor]>([
    ['float, raw', (w) => raw(header(w, 1, 2), Float32Array.of(1.5, -2)), f32([2], [1.5, -2])],
    [
      'float, packed',
      (w) => packed(header(w, 1, 2), 4, () => void w.raw(new Uint8Array(Float32Array.of(1.5, -2).buffer))),
      f32([2], [1.5, -2]),
    ],
    [
      'float, one by one',
      (w) => header(w, 1, 2).tag(4, WireType.Bit32).float(3).tag(4, WireType.Bit32).float(4),
      f32([2], [3, 4]),
    ],
    ['half, raw', (w) => raw(header(w, 10, 2), Uint16Array.of(0x3c00, 0xc000)), f32([2], [1, -2])],
    ['half, as integers', (w) => packed(header(w, 10, 1), 5, () => void w.int32(0x3c00)), f32([1], [1])],
    ['brain float', (w) => raw(header(w, 16, 2), Uint16Array.of(0x3f80, 0xc049)), f32([2], [1, -3.140625])],
    ['double', (w) => raw(header(w, 11, 1), Float64Array.of(Math.PI)), tensor('f64', [1], Float64Array.of(Math.PI))],
    [
      'integers, packed',
      (w) => packed(header(w, 7, 3), 7, () => void w.int64(-1).int64(2).int64('9223372036854775807')),
      tensor('i64', [3], BigInt64Array.of(-1n, 2n, 2n ** 63n - 1n)),
    ],
    ['signed bytes', (w) => raw(header(w, 3, 2), Int8Array.of(-3, 3)), tensor('i32', [2], Int32Array.of(-3, 3))],
    ['unsigned integers', (w) => raw(header(w, 12, 1), Uint32Array.of(2 ** 32 - 1)), i64([1], [2 ** 32 - 1])],
    [
      'bool',
      (w) => packed(header(w, 9, 2), 5, () => void w.int32(1).int32(0)),
      tensor('bool', [2], Uint8Array.of(1, 0)),
    ],
    ['a scalar', (w) => raw(header(w, 1), Float32Array.of(7)), f32([], [7])],
    ['nothing', (w) => header(w, 7, 0), i64([0], [])],
  ])('%s', (_name, write, expected) => {
    expect(decode(withTensor(write)).initializers.get('t')).toEqual(expected);
  });
});

describe('what is unsound is refused by name', () => {
  test.each<[string, Uint8Array, RegExp]>([
    ['no message', new TextEncoder().encode('PK not a model at all'), /not an ONNX model/],
    ['nothing at all', new Uint8Array(), /has no graph/],
    ['an unknown type', withTensor((w) => header(w, 20, 1)), /tensor "t" has element type 20/],
    [
      'too few bytes',
      withTensor((w) => raw(header(w, 1, 3), Float32Array.of(1))),
      /f32\[3\]\) needs 12 bytes and has 4/,
    ],
    ['too few numbers', withTensor((w) => header(w, 1, 3)), /needs 3 numbers and has 0/],
    ['a negative dimension', withTensor((w) => header(w, 1, -1)), /has the shape \[-1\]/],
    ['a size that wraps to 0', withTensor((w) => header(w, 1, 2 ** 30, 2 ** 30, 2 ** 4)), /more than any file holds/],
    ['a bool of 2', withTensor((w) => raw(header(w, 9, 1), Uint8Array.of(2))), /neither 0 nor 1/],
    [
      'external data',
      withTensor((w) => header(w, 1, 1).tag(14, WireType.Varint).int32(1)),
      /tensor "t" lies in another file/,
    ],
    [
      'a circle',
      onnxFile({ ...small, nodes: [node('Add', ['b', 'x'], ['a']), node('Relu', ['a'], ['b']), ...small.nodes] }),
      /node that makes "[ab]" depends on itself/,
    ],
    ['a node of itself', onnxFile({ ...small, nodes: [node('Add', ['y', 'x'], ['y'])] }), /depends on itself/],
    [
      'a value made twice',
      onnxFile({ ...small, nodes: [...small.nodes, node('Relu', ['x'], ['y'])] }),
      /"y" is produced twice/,
    ],
    [
      'an initializer made again',
      onnxFile({ ...small, nodes: [...small.nodes, node('Relu', ['x'], ['w'])] }),
      /"w" is produced twice/,
    ],
    [
      'a value from nowhere',
      onnxFile({ ...small, nodes: [node('Relu', ['z'], ['y'])] }),
      /an input of the Relu node that makes "y" is "z", which no node produces/,
    ],
    [
      'an output from nowhere',
      onnxFile({ ...small, outputs: [slot('z')] }),
      /an output is "z", which no node produces/,
    ],
  ])('%s', (_name, bytes, message) => {
    expect(() => decode(bytes)).toThrow(UserError);
    expect(() => decode(bytes)).toThrow(message);
  });
});

test('a chain of 50,000 nodes, back to front', () => {
  const nodes = Array.from({ length: 50_000 }, (_, i) => node('Relu', [i === 0 ? 'x' : `h${i - 1}`], [`h${i}`]));
  const model = decode(onnxFile({ ...small, nodes: nodes.reverse(), outputs: [slot('h49999')] }));
  expect(model.nodes[0]!.outputs).toEqual(['h0']);
});

test('a small file of very many parts is refused, not stored', () => {
  const graph = new Uint8Array(6_000_000);
  for (let i = 0; i < graph.length; i += 2) graph[i] = 0x0a; // field 1, length 0: an empty node
  const bytes = new BinaryWriter().tag(7, WireType.LengthDelimited).bytes(graph).finish();
  expect(() => decode(bytes)).toThrow('more parts than any network');
});

describe('a list is counted before it is read', () => {
  const ones = new Uint8Array(20_000_000).fill(1);
  const list = (w: BinaryWriter, field: number) => w.tag(field, WireType.LengthDelimited).bytes(ones);

  test('integers of a tensor', () => {
    const bytes = withTensor((w) => list(header(w, 6, ones.length), 5));
    expect(() => decode(bytes)).toThrow(/more integers, one by one, than any network/);
  });

  test.each<[string, () => Uint8Array]>([
    ['dimensions', () => withTensor((w) => list(w, 1))],
    [
      'an attribute',
      () => {
        const graph = new BinaryWriter().tag(1, WireType.LengthDelimited).fork();
        list(graph.tag(5, WireType.LengthDelimited).fork(), 8).join().join();
        return new BinaryWriter().tag(7, WireType.LengthDelimited).bytes(graph.finish()).finish();
      },
    ],
  ])('%s', (_name, make) => {
    const bytes = make();
    const before = process.memoryUsage();
    expect(() => decode(bytes)).toThrow(/more parts than any network/);
    const { arrayBuffers } = process.memoryUsage();
    expect(arrayBuffers - before.arrayBuffers).toBeLessThan(ones.length);
  });

  test('to the last bit, and no longer than ten bytes', () => {
    const values = [
      0n,
      1n,
      -1n,
      127n,
      128n,
      2n ** 28n,
      2n ** 31n,
      2n ** 32n + 5n,
      2n ** 63n - 1n,
      -(2n ** 63n),
      -(2n ** 31n),
    ];
    const packed = new BinaryWriter();
    for (const value of values) packed.int64(value.toString());
    const write = (content: Uint8Array) => (w: BinaryWriter) =>
      header(w, 7, values.length).tag(7, WireType.LengthDelimited).bytes(content);
    const { data } = decode(withTensor(write(packed.finish()))).initializers.get('t')!;
    expect([...data]).toEqual(values);
    const long = new Uint8Array([...new Array<number>(10).fill(0x80), 1]);
    expect(() => decode(withTensor(write(long)))).toThrow(/more than ten bytes/);
  });
});

test('cut short, with flipped bits or with lying lengths: an error or a sound model', () => {
  const whole = onnxFile(small);
  const stream = randomStream(7, 'fuzz');
  const outcomes = { error: 0, model: 0 };
  for (let round = 0; round < 4000; round++) {
    const bytes = round % 4 === 0 ? whole.slice(0, stream.integer(whole.length)) : whole.slice();
    for (let flips = round % 3; flips > 0 && bytes.length > 0; flips--) {
      bytes[stream.integer(bytes.length)]! ^= 1 << stream.integer(8);
    }
    if (round % 5 === 0 && bytes.length > 0) bytes[stream.integer(bytes.length)] = 0xff; // most lengths then lie
    try {
      const model = decode(bytes);
      for (const { data, shape } of model.initializers.values()) expect(data.length).toBe(sizeOf(shape));
      for (const { attributes } of model.nodes) {
        for (const attribute of attributes.values()) {
          if (attribute.kind === 'tensor') expect(numbers(attribute.value).length).toBe(sizeOf(attribute.value.shape));
        }
      }
      outcomes.model++;
    } catch (error) {
      expect(error).toBeInstanceOf(UserError);
      outcomes.error++;
    }
  }
  expect(outcomes.error).toBeGreaterThan(1000);
  expect(outcomes.model).toBeGreaterThan(200);
});
