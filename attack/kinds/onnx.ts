import { readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { f32, i64 } from '@graft-ml/core/internal/base/tensor';
import { type FileNode, type OnnxFile, onnxFile } from '../../test/onnx-file.ts';
import type { Case, Kind, Stage } from '../case.ts';
import { damaged, nastyTexts } from '../make/damage.ts';
import { makePipe } from '../make/special.ts';

async function read({ graft, stock }: Stage, path: string): Promise<void> {
  await graft(['inspect', path]);
  await graft([
    'predict',
    '--model',
    path,
    '--classes',
    stock.classes,
    '--mean',
    '0.5,0.5,0.5',
    '--std',
    '0.5,0.5,0.5',
    stock.image,
  ]);
}

const file = (label: string, make: (stage: Stage) => Uint8Array, isDrawn = false): Case => ({
  label,
  isDrawn,
  play: async (stage) => read(stage, stage.room.give('x.onnx', make(stage))),
});

const input = { name: 'x', dtype: 'f32', shape: [1, 3, 32, 32] } as const;
const output = { name: 'y', dtype: 'f32', shape: [1, 3] } as const;

/** A small classifier with these nodes before its end, whose last result is `z` (1, 3, 32, 32) or nothing. */
function model(nodes: readonly FileNode[], more: Partial<OnnxFile> = {}, from = 'x'): Uint8Array {
  const tail: FileNode[] = [
    { operator: 'GlobalAveragePool', inputs: [from], outputs: ['pooled'] },
    { operator: 'Flatten', inputs: ['pooled'], outputs: ['flat'], attributes: { axis: 1 } },
    { operator: 'Gemm', inputs: ['flat', 'w', 'b'], outputs: ['y'], attributes: { transB: 1 } },
  ];
  return onnxFile({
    opset: 13,
    nodes: [...nodes, ...tail],
    inputs: [input],
    outputs: [output],
    ...more,
    initializers: { w: f32([3, 3], [1, 0, 0, 0, 1, 0, 0, 0, 1]), b: f32([3], [0, 0, 0]), ...more.initializers },
  });
}

/** A node whose results are shapes that grow and grow when they are folded. */
function tiles(times: number): FileNode[] {
  return Array.from({ length: times }, (_, i) => ({
    operator: 'Concat',
    inputs: [`c${i}`, `c${i}`],
    outputs: [`c${i + 1}`],
    attributes: { axis: 0 },
  }));
}

/** A classifier of images times the largest of what these nodes compute from constants. */
function used(name: string, nodes: readonly FileNode[]): Uint8Array {
  const scaled: FileNode[] = [
    { operator: 'ReduceMax', inputs: [name], outputs: ['most'], attributes: { keepdims: 0 } },
    { operator: 'Cast', inputs: ['most'], outputs: ['factor'], attributes: { to: 1 } },
    { operator: 'Mul', inputs: ['x', 'factor'], outputs: ['scaled'] },
  ];
  return model([...nodes, ...scaled], { initializers: { one: i64([1], [1]), shape: i64([1], [60_000]) } }, 'scaled');
}

const folding: readonly Case[] = [
  file('fold-doubling', () => model(tiles(60), { initializers: { c0: i64([1], [1]) } })),
  file('fold-many', () =>
    model(
      Array.from({ length: 20_000 }, (_, i) => ({
        operator: 'ConstantOfShape',
        inputs: ['shape'],
        outputs: [`z${i}`],
      })),
      { initializers: { shape: i64([1], [1_000_000]) } },
    ),
  ),
  file('fold-expand', () =>
    model(
      Array.from({ length: 4000 }, (_, i) => ({ operator: 'Expand', inputs: ['one', 'shape'], outputs: [`z${i}`] })),
      { initializers: { one: f32([1], [1]), shape: i64([2], [1000, 1000]) } },
    ),
  ),
  file('fold-range', () =>
    model([{ operator: 'Range', inputs: ['a', 'b', 'c'], outputs: ['z'] }], {
      initializers: { a: i64([], [0]), b: i64([], [2 ** 40]), c: i64([], [1]) },
    }),
  ),
  file('fold-chain', () =>
    used('z19999', [
      // Each node stays below what one may compute.
      { operator: 'Expand', inputs: ['one', 'shape'], outputs: ['c'] },
      ...Array.from({ length: 20_000 }, (_, i) => ({
        operator: 'Add',
        inputs: [i === 0 ? 'c' : `z${i - 1}`, 'c'],
        outputs: [`z${i}`],
      })),
    ]),
  ),
  file('fold-doubling-used', () =>
    used('c24', [{ operator: 'Expand', inputs: ['one', 'shape'], outputs: ['c0'] }, ...tiles(24)]),
  ),
];

/** A message of ours, written by hand: what other writers would not write. */
function raw(write: (graph: BinaryWriter) => void, opset = 13): Uint8Array {
  const graph = new BinaryWriter();
  write(graph);
  const whole = new BinaryWriter();
  whole.tag(1, WireType.Varint).int64(8);
  whole.tag(7, WireType.LengthDelimited).bytes(graph.finish());
  whole.tag(8, WireType.LengthDelimited).fork();
  whole.tag(2, WireType.Varint).int64(opset).join();
  return whole.finish();
}

const bytes = (writer: BinaryWriter, field: number, content: Uint8Array) =>
  writer.tag(field, WireType.LengthDelimited).bytes(content);

/** TensorProto with data in another file. */
function external(location: string, offset = '0', length = '36'): Uint8Array {
  const tensor = new BinaryWriter();
  tensor.tag(1, WireType.Varint).int64(3).tag(1, WireType.Varint).int64(3);
  tensor.tag(2, WireType.Varint).int32(1);
  tensor.tag(8, WireType.LengthDelimited).string('w');
  for (const [key, value] of Object.entries({ location, offset, length })) {
    const entry = new BinaryWriter();
    entry.tag(1, WireType.LengthDelimited).string(key).tag(2, WireType.LengthDelimited).string(value);
    bytes(tensor, 13, entry.finish());
  }
  tensor.tag(14, WireType.Varint).int32(1);
  return tensor.finish();
}

/** The small classifier, its weight in another file. */
function modelBeside(location: string, offset?: string, length?: string): Uint8Array {
  return raw((graph) => {
    const node = (operator: string, inputs: string[], outputs: string[], transB = false) => {
      const n = new BinaryWriter();
      for (const name of inputs) n.tag(1, WireType.LengthDelimited).string(name);
      for (const name of outputs) n.tag(2, WireType.LengthDelimited).string(name);
      n.tag(4, WireType.LengthDelimited).string(operator);
      if (transB) {
        const a = new BinaryWriter();
        a.tag(1, WireType.LengthDelimited)
          .string('transB')
          .tag(3, WireType.Varint)
          .int64(1)
          .tag(20, WireType.Varint)
          .int32(2);
        bytes(n, 5, a.finish());
      }
      bytes(graph, 1, n.finish());
    };
    node('GlobalAveragePool', ['x'], ['pooled']);
    node('Flatten', ['pooled'], ['flat']);
    node('Gemm', ['flat', 'w'], ['y'], true);
    bytes(graph, 5, external(location, offset, length));
    for (const [field, name, shape] of [
      [11, 'x', [1, 3, 32, 32]],
      [12, 'y', [1, 3]],
    ] as const) {
      const dimensions = new BinaryWriter();
      for (const size of shape) {
        const d = new BinaryWriter();
        bytes(dimensions, 1, d.tag(1, WireType.Varint).int64(size).finish());
      }
      const typed = new BinaryWriter().tag(1, WireType.Varint).int32(1);
      bytes(typed, 2, dimensions.finish());
      const type = bytes(new BinaryWriter(), 1, typed.finish());
      const slot = new BinaryWriter().tag(1, WireType.LengthDelimited).string(name);
      bytes(graph, field, bytes(slot, 2, type.finish()).finish());
    }
  });
}

const beside: readonly Case[] = [
  ['external-above', '../canary/thesis.txt'],
  ['external-absolute', '/etc/passwd'],
  ['external-link', 'link.bin'],
  ['external-pipe', 'pipe.bin'],
  ['external-device', 'device.bin'],
  ['external-itself', 'x.onnx'],
  ['external-missing', '\u001b[2Jmissing.bin'],
  ['external-huge', 'good.bin', '0', '99999999999999'],
  ['external-offset', 'good.bin', '-8', '36'],
  ['external-nonsense', 'good.bin', '1e3', 'NaN'],
  ['external-sound', 'good.bin'],
].map(([label, location, offset, length]) => ({
  label: label!,
  seconds: 20,
  play: async (stage) => {
    const { room } = stage;
    room.give('good.bin', new Uint8Array(Float32Array.from([1, 0, 0, 0, 1, 0, 0, 0, 1]).buffer));
    symlinkSync(join(room.canary, 'thesis.txt'), join(room.given, 'link.bin'));
    symlinkSync('/dev/zero', join(room.given, 'device.bin'));
    makePipe(join(room.given, 'pipe.bin'));
    await read(stage, room.give('x.onnx', modelBeside(location!, offset, length)));
  },
}));

const shapes: readonly Case[] = [
  file('attribute-list-of-60-MB', () =>
    raw((graph) => {
      const attribute = new BinaryWriter();
      attribute.tag(1, WireType.LengthDelimited).string('pads');
      bytes(attribute, 8, new Uint8Array(60e6).fill(1));
      const node = new BinaryWriter();
      node.tag(4, WireType.LengthDelimited).string('Pad');
      bytes(node, 5, attribute.finish());
      bytes(graph, 1, node.finish());
    }),
  ),
  file('nodes-4-million', () => raw((graph) => graph.raw(Buffer.alloc(8e6, Buffer.from([0x0a, 0x00]))))),
  file('deep-groups', () => Buffer.alloc(2e6, 0x0b)),
  file('deep-subgraphs', () => {
    let body: Uint8Array = new Uint8Array(0);
    for (let i = 0; i < 2000; i++) {
      const attribute = bytes(new BinaryWriter(), 6, body).finish();
      const node = bytes(new BinaryWriter().tag(4, WireType.LengthDelimited).string('If'), 5, attribute).finish();
      body = bytes(new BinaryWriter(), 1, node).finish();
    }
    return raw((graph) => graph.raw(body));
  }),
  file('dimensions-of-2^62', () =>
    onnxFile({
      opset: 13,
      nodes: [{ operator: 'Flatten', inputs: ['x'], outputs: ['y'] }],
      inputs: [{ ...input, shape: [1, 3, 2 ** 52, 2 ** 52] }],
      outputs: [output],
    }),
  ),
  file('wide-convolution', () =>
    model(
      [{ operator: 'ConvTranspose', inputs: ['x', 'k'], outputs: ['z'], attributes: { strides: [2 ** 20, 2 ** 20] } }],
      {
        initializers: { k: f32([3, 1, 1, 1], [1, 1, 1]) },
      },
    ),
  ),
  file('resize-huge', () =>
    model([{ operator: 'Resize', inputs: ['x', '', 's'], outputs: ['z'] }], {
      initializers: { s: f32([4], [1, 1, 1e6, 1e6]) },
    }),
  ),
  file('cycle', () =>
    model([
      { operator: 'Relu', inputs: ['p'], outputs: ['q'] },
      { operator: 'Relu', inputs: ['q'], outputs: ['p'] },
    ]),
  ),
  file('nasty-names', () =>
    model(
      nastyTexts.map((name, i) => ({
        operator: i % 2 ? 'Relu' : name,
        inputs: ['x'],
        outputs: [`${name}${i}`],
        name,
        domain: name,
      })),
    ),
  ),
  file('metadata-not-json', () =>
    model([], { metadata: { graft: '{"classes": [', classes: nastyTexts[0]!, names: '[[[' } }),
  ),
  file('metadata-brackets', () => model([], { metadata: { graft: '['.repeat(5e6), classes: '['.repeat(5e6) } })),
  file('not-protobuf', () => Buffer.from('{"opset": 13}')),
  file('empty', () => new Uint8Array(0)),
];

const pipe: Case = {
  label: 'pipe',
  seconds: 20,
  play: async (stage) => read(stage, makePipe(join(stage.room.given, 'x.onnx'))),
};

export const onnx: Kind = {
  name: 'onnx',
  cases: [
    ...folding,
    ...shapes,
    ...beside,
    pipe,
    file('damaged', ({ stock, stream }) => damaged(readFileSync(stock.onnx), stream), true),
  ],
};
