import { createSession, loadOrt } from 'graft-ml/internal/runtime/index';
import { expect, test } from 'vitest';
import { narrowSource, pixelsOf } from '../../../../test/narrow-exports.ts';
import { narrowModels } from '../../../../test/narrow-models.ts';
import { onnxFile } from '../../../../test/onnx-file.ts';
import { f32, tensor } from '../base/tensor.ts';
import { toHalf } from '../base/to-half.ts';
import { encode, input } from '../graph/index.ts';
import { exp } from '../ops/index.ts';
import { bytesOf, networkModel, type OnnxModel, readOnnxModel, writeOnnx } from './index.ts';

const families = Object.keys(narrowModels);

test('a model of ours is written as it was, to the byte', () => {
  const x = input('x', 'f32', [2, 3]);
  const { model } = encode({ y: exp(x) }, { metadata: { classes: '["a"]', empty: '' } });
  expect(Buffer.compare(writeOnnx(readOnnxModel(model)), model)).toBe(0);
});

test.each(families)('%s: a network that is written is read as it was, and plain ORT runs it', async (name) => {
  const source = narrowSource(name);
  const { crop } = source.preprocessing;
  const model = networkModel(source, 'pixels', 1);
  const bytes = writeOnnx(model);
  expect(readOnnxModel(bytes)).toEqual(model);
  const session = await createSession(bytes);
  const pixels = new (loadOrt().Tensor)('uint8', pixelsOf(1, crop), [1, 3, crop, crop]);
  const { logits, probabilities } = await session.run({ pixels });
  await session.release();
  expect(logits!.dims).toEqual([1, source.classes.length]);
  expect((probabilities!.data as Float32Array).reduce((sum, p) => sum + p)).toBeCloseTo(1, 5);
});

/** y = cast(w, f32) · x + cast(q, f32), with halves and small integers as initializers, and an open batch. */
const mixed: OnnxModel = {
  opsets: new Map([['', 18]]),
  metadata: { classes: '["é", "b"]' },
  nodes: [
    castTo('w', 'w32'),
    castTo('q', 'q32'),
    { name: 'mul', operator: 'Mul', domain: '', inputs: ['x', 'w32'], outputs: ['wx'], attributes: new Map() },
    { name: '', operator: 'Add', domain: '', inputs: ['wx', 'q32'], outputs: ['y'], attributes: new Map() },
  ],
  initializers: new Map([
    ['w', { dtype: 'f16', shape: [3], bytes: bytesOf(toHalf(Float32Array.of(0.5, -65504, 2 ** -24))) }],
    ['q', { dtype: 'i8', shape: [3], bytes: bytesOf(Int8Array.of(-128, 0, 127)) }],
  ]),
  inputs: [{ name: 'x', dtype: 'f32', shape: ['n', 3] }],
  outputs: [{ name: 'y', dtype: 'f32', shape: ['n', 3] }],
};

function castTo(from: string, to: string): OnnxModel['nodes'][number] {
  const attributes = new Map([['to', { kind: 'int', value: 1 } as const]]);
  return { name: '', operator: 'Cast', domain: '', inputs: [from], outputs: [to], attributes };
}

test('halves, small integers and open sizes survive, and ORT computes with them', async () => {
  const bytes = writeOnnx(mixed);
  expect(readOnnxModel(bytes)).toEqual(mixed);
  const session = await createSession(bytes);
  const { Tensor } = loadOrt();
  for (const n of [1, 2]) {
    const { y } = await session.run({ x: new Tensor('float32', new Float32Array(3 * n).fill(2), [n, 3]) });
    const row = [1 - 128, -131008, 2 ** -23 + 127];
    expect([...(y!.data as Float32Array)]).toEqual(Array.from({ length: n }, () => row.map(Math.fround)).flat());
  }
  await session.release();
});

test('every kind of attribute survives', () => {
  const attributes = { axis: 0, none: '', floats: { floats: [0.5, 1] }, tensor: { tensor: f32([2], [1, 2]) } };
  const nodes = [{ operator: 'Odd', inputs: ['x'], outputs: ['y'], attributes: { ...attributes, ints: [1, -2] } }];
  const slot = { dtype: 'f32', shape: [2] } as const;
  const model = readOnnxModel(
    onnxFile({ opset: 18, nodes, inputs: [{ name: 'x', ...slot }], outputs: [{ name: 'y', ...slot }] }),
  );
  expect([...model.nodes[0]!.attributes.keys()]).toEqual(['axis', 'none', 'floats', 'tensor', 'ints']);
  expect(readOnnxModel(writeOnnx(model))).toEqual(model);
});

test('an input of open rank is refused by name', () => {
  const file = onnxFile({
    opset: 18,
    nodes: [{ operator: 'Relu', inputs: ['x'], outputs: ['y'] }],
    initializers: { unused: tensor('u8', [1], Uint8Array.of(1)) },
    inputs: [{ name: 'x', dtype: 'f32' }],
    outputs: [{ name: 'y', dtype: 'f32', shape: [1] }],
  });
  expect(() => readOnnxModel(file)).toThrow('ONNX: "x" has an open rank.');
});
