import { BinaryReader } from '@bufbuild/protobuf/wire';
import { describe, expect, test } from 'vitest';
import { evaluate, gaussian, numbers } from '../../../../test/run.ts';
import { f32, i64, type Tensor, tensor } from '../base/tensor.ts';
import { vjp } from '../grad/index.ts';
import { add, exp, matmul, maxPool, mul, reshape } from '../ops/index.ts';
import { encode } from './encode.ts';
import type { OnnxAttribute } from './onnx-wire.ts';
import { constant, input, makeValue, type TensorType, type Value } from './value.ts';

/** Every field of a message that has this number, as bytes. */
function fields(message: Uint8Array, wanted: number): Uint8Array[] {
  const reader = new BinaryReader(message);
  const found: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === wanted) found.push(reader.bytes());
    else reader.skip(wireType);
  }
  return found;
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
/** `ModelProto.graph` is field 7, `GraphProto.node` 1, `NodeProto.op_type` 4. */
const nodesOf = (model: Uint8Array) => fields(fields(model, 7)[0]!, 1).map((node) => text(fields(node, 4)[0]!));
/** `GraphProto.initializer` is field 5. */
const initializersOf = (model: Uint8Array) => fields(fields(model, 7)[0]!, 5).length;
const withoutIdentity = (nodes: readonly string[]) => nodes.filter((name) => name !== 'Identity').sort();

/** `NodeProto.name` is field 3. */
const nodeNamesOf = (model: Uint8Array) =>
  fields(fields(model, 7)[0]!, 1).map((node) => fields(node, 3).map(text).join());

describe('nodes have names', () => {
  const x = input('x', 'f32', [1, 1, 4, 4]);
  const y = maxPool(x, { kernel: [2, 2] });
  const [dx] = vjp([y], [input('dy', 'f32', [1, 1, 2, 2])], [x]);
  const outputs = { y, dx: dx!, same: x };

  test('only in a graph for a device beside the CPU', () => {
    const { model, onCpu } = encode(outputs);
    expect([onCpu, new Set(nodeNamesOf(model))]).toEqual([undefined, new Set([''])]);
  });

  test('of their own there, and those for the CPU are listed', () => {
    const { model, onCpu } = encode(outputs, { onCpu: ({ op }) => op.name === 'MaxPoolIndices' });
    const names = nodeNamesOf(model);
    expect(new Set(names).size).toBe(names.length);
    const pools = names.filter((name) => name.includes('/MaxPool/'));
    expect(pools.map((name) => name.split('/')[0])).toEqual(['MaxPool', 'MaxPoolIndices']);
    // What is only copied is not computed: no device is asked for it.
    expect(onCpu).toEqual([pools[1], 'copy/Identity/0']);
  });
});

describe('equal nodes are written once', () => {
  const x = input('x', 'f32', [1, 1, 4, 4]);
  test('a max-pool and the indices that its gradient needs', () => {
    const y = maxPool(x, { kernel: [2, 2] });
    const [dx] = vjp([y], [input('dy', 'f32', [1, 1, 2, 2])], [x]);
    const nodes = nodesOf(encode({ y, dx: dx! }).model);
    expect(nodes.filter((name) => name === 'MaxPool')).toEqual(['MaxPool']);
    expect(nodes.filter((name) => name === 'MaxUnpool')).toEqual(['MaxUnpool']);
  });
  test('the indices alone, of which ORT makes a session all the same', async () => {
    const [dx] = vjp([maxPool(x, { kernel: [2, 2] })], [input('dy', 'f32', [1, 1, 2, 2])], [x]);
    expect(nodesOf(encode({ dx: dx! }).model).filter((name) => name === 'MaxPool')).toEqual(['MaxPool']);
    const feeds = {
      x: f32(
        x.shape,
        Array.from({ length: 16 }, (_, i) => i),
      ),
      dy: f32([1, 1, 2, 2], [1, 2, 3, 4]),
    };
    const results = await evaluate({ dx: dx! }, feeds);
    expect(numbers(results.dx)).toEqual([0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 3, 0, 4]);
  });
  test('two values that say the same, and what stands on them', () => {
    const twice = mul(add(exp(x), 1), add(exp(x), 1));
    expect(withoutIdentity(nodesOf(encode({ twice }).model))).toEqual(['Add', 'Exp', 'Mul']);
  });
  test('another attribute is another node', () => {
    const both = { a: reshape(x, [16]), b: reshape(x, [4, 4]), c: reshape(x, [16]) };
    expect(withoutIdentity(nodesOf(encode(both).model))).toEqual(['Reshape', 'Reshape']);
  });
  test('small constants are shared by content, type and shape', () => {
    const parts = [f32([], [1]), f32([], [1]), f32([1], [1]), f32([], [-0]), f32([], [0]), i64([], [1])];
    const outputs = Object.fromEntries(parts.map((part, i) => [`c${i}`, constant(part)]));
    expect(initializersOf(encode(outputs).model)).toBe(5);
  });
});

test('what no output needs is not written', () => {
  const x = input('x', 'f32', [2, 2]);
  const w = input('w', 'f32', [2, 2]);
  const y = matmul(x, w);
  const [dx, dw] = vjp([y], [input('dy', 'f32', [2, 2])], [x, w]);
  expect([...encode({ y }).inputs.keys()]).toEqual(['x', 'w']);
  expect([...encode({ dx: dx! }).inputs.keys()].sort()).toEqual(['dy', 'w']);
  expect([...encode({ dw: dw! }).inputs.keys()].sort()).toEqual(['dy', 'x']);
});

test('two different inputs of one name are an error, one input used twice is none', () => {
  const x = input('x', 'f32', [2]);
  expect(() => encode({ y: add(x, input('x', 'f32', [2])) })).toThrow('two different inputs are called "x"');
  expect([...encode({ y: add(x, x), z: x }).inputs.keys()]).toEqual(['x']);
});

test('a lowering that there is not is an error', () => {
  const x = input('x', 'f32', [2]);
  expect(() => encode({ y: exp(x) }, { choose: () => 'fast' })).toThrow('Exp has no lowering fast');
});

test('an output may be an input, a constant, or the same value as another', async () => {
  const x = input('x', 'f32', [2]);
  const y = exp(x);
  const results = await evaluate({ x, c: constant(i64([2], [3, 4])), y, again: y }, { x: f32([2], [0, 1]) });
  expect(numbers(results.x)).toEqual([0, 1]);
  expect(numbers(results.c)).toEqual([3, 4]);
  expect(numbers(results.y)).toEqual(numbers(results.again));
});

/** A node of ONNX's operator `Constant`, which hands its attribute out. */
function emit(operator: string, type: TensorType, attributes: Record<string, OnnxAttribute>, inputs: Value[] = []) {
  const op: Value['op'] = {
    name: operator,
    infer: () => type,
    vjp: () => [],
    lowerings: { onnx: { lower: (b, names) => b.emit(operator, names, attributes) } },
    flops: () => 0,
    memory: { buffer: 'own' },
    evaluate: null,
  };
  return makeValue(op, inputs, {});
}

describe('attributes arrive in ORT as they were', () => {
  const extremes = [0, -1, 1, 2 ** 31, -(2 ** 31) - 1, 2 ** 40, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER];
  test.each(extremes)('integer %i', async (value) => {
    const { y } = await evaluate({ y: emit('Constant', { dtype: 'i64', shape: [] }, { value_int: value }) });
    expect(y!.data).toEqual(BigInt64Array.of(BigInt(value)));
  });
  test('a list of integers', async () => {
    const list = emit('Constant', { dtype: 'i64', shape: [extremes.length] }, { value_ints: extremes });
    expect((await evaluate({ y: list })).y!.data).toEqual(BigInt64Array.from(extremes, BigInt));
  });
  test.each([1, 0, -0.1, 1e-30])('float %f', async (value) => {
    const { y } = await evaluate({
      y: emit('Constant', { dtype: 'f32', shape: [] }, { value_float: { float: value } }),
    });
    expect(y!.data).toEqual(Float32Array.of(value));
  });
  test('string', async () => {
    const x = constant(f32([3], [1, 2, 3]));
    const widths = constant(i64([2], [2, 1]));
    const y = emit('Pad', { dtype: 'f32', shape: [6] }, { mode: 'reflect' }, [x, widths]);
    expect(numbers((await evaluate({ y })).y)).toEqual([3, 2, 1, 2, 3, 2]);
  });
});

describe('constants arrive in ORT as they were', () => {
  const long = gaussian([40], 'constant');
  test.each<[string, Tensor]>([
    ['f32', f32([5], [1.5, -0, Number.POSITIVE_INFINITY, Number.NaN, 1e-40])],
    ['f64', tensor('f64', [2], Float64Array.of(Math.PI, -1e300))],
    ['i32', tensor('i32', [2], Int32Array.of(-(2 ** 31), 2 ** 31 - 1))],
    ['i64', tensor('i64', [2], BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n))],
    ['u8', tensor('u8', [3], Uint8Array.of(0, 128, 255))],
    ['bool', tensor('bool', [2], Uint8Array.of(1, 0))],
    ['a scalar', f32([], [7])],
    ['more than sixteen', long],
    ['a part of a larger buffer', tensor('f32', [3], (long.data as Float32Array).subarray(17, 20))],
  ])('%s', async (_name, value) => {
    const { y } = await evaluate({ y: constant(value) });
    expect(y!.data).toEqual(value.data);
    expect(y!.shape).toEqual(value.shape);
  });
});

test('texts travel with the model, constants keep the names they were given, and only domains in use are imported', () => {
  const x = input('x', 'f32', [2, 2]);
  const w = constant(f32([2, 2], [1, 2, 3, 4]), 'fc.weight');
  const { model } = encode({ y: matmul(x, w) }, { metadata: { classes: '["a","b"]' } });
  const entries = fields(model, 14).map((entry) => [text(fields(entry, 1)[0]!), text(fields(entry, 2)[0]!)]);
  expect(entries).toEqual([['classes', '["a","b"]']]);
  const initializers = fields(fields(model, 7)[0]!, 5).map((initializer) => text(fields(initializer, 8)[0]!));
  expect(initializers).toEqual(['fc.weight']);
  expect(fields(model, 8).map((opset) => text(fields(opset, 1)[0]!))).toEqual(['']);
});
