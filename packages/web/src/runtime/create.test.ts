import { constant, input } from '@graft-ml/core/graph';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { f32, i64, zeros } from '@graft-ml/core/internal/base/tensor';
import { channelCombine } from '@graft-ml/core/internal/ops/channels';
import { choiceKey } from '@graft-ml/core/internal/runtime/tuning';
import { add, broadcastTo, cast, conv2d, greater, matmul, mul, reduceSum } from '@graft-ml/core/ops';
import { createRuntime as createNodeRuntime } from 'graft-ml/internal/runtime/index';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { trainConv4 } from '../../../../test/conv4-steps.ts';
import { relativeError, tolerance } from '../../../../test/golden.ts';
import { evaluate, gaussian, numbers } from '../../../../test/run.ts';
import { createRuntime, type WebRuntimeOptions } from './index.ts';

const [a, b] = [input('a', 'f32', [2, 2]), input('b', 'f32', [2])];
const feeds = { a: f32([2, 2], [1, 2, 3, 4]), b: f32([2], [10, 20]) };

/**
 * The memories of WebAssembly that are made from here on, of at most 512 MiB. They never shrink, so they tell what is
 * not released.
 */
const memories: WebAssembly.Memory[] = [];
beforeAll(() => {
  WebAssembly.Memory = class extends WebAssembly.Memory {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      super({ ...descriptor, maximum: 8192 });
      memories.push(this);
    }
  };
});

describe('a program in WebAssembly', () => {
  test('has results of every type', async () => {
    const program = await createRuntime({ cache: null }).compile({
      sum: add(a, b),
      positive: greater(a, 2),
      whole: cast(a, 'i64'),
      double: cast(a, 'f64'),
    });
    const { sum, positive, whole, double } = await program.run(feeds);
    expect(sum).toEqual(f32([2, 2], [11, 22, 13, 24]));
    expect(positive).toEqual({ dtype: 'bool', shape: [2, 2], data: Uint8Array.of(0, 0, 1, 1) });
    expect(whole).toEqual(i64([2, 2], [1, 2, 3, 4]));
    expect(double).toEqual({ dtype: 'f64', shape: [2, 2], data: Float64Array.of(1, 2, 3, 4) });
    await program.release();
  });

  test('writes an output into the memory that was given for it, every time', async () => {
    const program = await createRuntime({ cache: null }).compile({ y: add(a, b), z: mul(a, b) });
    const y = zeros('f32', [2, 2]);
    const { data } = y;
    for (const factor of [1, 2, 3]) {
      const results = await program.run({ a: f32([2, 2], [factor, 0, 0, 0]), b: feeds.b }, { y });
      expect([results.y, y.data]).toEqual([y, data]);
      expect([...data]).toEqual([10 + factor, 20, 10, 20]);
      expect(numbers(results.z)).toEqual([10 * factor, 0, 0, 0]);
    }
    await program.release();
    await expect(program.run(feeds)).rejects.toThrow('run: the program was released');
  });

  test('trains conv4 to the numbers of ONNX Runtime in Node', async () => {
    const inNode = await trainConv4((choices) => createNodeRuntime({ cache: null, threads: 1, choices }));
    const here = await trainConv4((choices) => createRuntime({ cache: null, choices }));
    expect(here.losses).toHaveLength(4);
    expect(relativeError(f32([4], here.losses), f32([4], inNode.losses))).toBeLessThan(1e-5);
    expect(here.losses[3]).not.toBe(here.losses[0]);
    expect(Object.keys(here.variables)).toEqual(Object.keys(inNode.variables));
    for (const [name, reference] of Object.entries(inNode.variables)) {
      expect(relativeError(here.variables[name]!, reference, 0.01), name).toBeLessThan(1e-5);
    }
  });

  test('gives its memory back when it is released', async () => {
    const [rows, columns] = [8, 2048];
    const weights = constant(zeros('f32', [columns, columns])); // 16 MiB
    const x = input('x', 'f32', [rows, columns]);
    const cycle = async () => {
      const program = await createRuntime({ cache: null }).compile({ y: matmul(x, weights) });
      await program.run({ x: zeros('f32', x.shape) });
      await program.release();
    };
    for (let i = 0; i < 3; i++) await cycle();
    expect(memories).toHaveLength(1);
    const before = memories[0]!.buffer.byteLength;
    for (let i = 0; i < 8; i++) await cycle();
    expect(memories[0]!.buffer.byteLength).toBe(before);
  });
});

describe.each([
  ['more than there is', 2 ** 28],
  ['more than there can be', 2 ** 31],
])('a network that needs %s', (_more, length) => {
  test.each([
    ['when it runs', input('x', 'f32', [1])],
    ['when it is prepared', constant(f32([1], [1]))],
  ])('says %s what to lower', async (_when, start) => {
    const wide = broadcastTo(start, [length]);
    const runtime = createRuntime({ cache: null });
    const attempt = async () => {
      const program = await runtime.compile({ y: reduceSum(mul(mul(wide, 2), wide), [0]) });
      await program.run({ x: f32([1], [1]) }).finally(() => program.release());
    };
    const error: unknown = await attempt().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect(String(error)).toMatch(/^UserError: There is not enough memory: .*Lower the batch size/);
  });
});

describe('settings', () => {
  const fields = { name: 'OptionError', option: 'threads' };
  const refusal = (options: WebRuntimeOptions): unknown => {
    try {
      return createRuntime(options);
    } catch (error) {
      return error;
    }
  };

  test('a device that there is not', () => {
    const device: string = 'cuda';
    const error = refusal({ device: device as 'wasm' });
    expect(error).toMatchObject({ ...fields, option: 'device', received: 'cuda' });
    expect(String(error)).toBe('OptionError: device: expected "wasm" or "webgpu", received "cuda".');
  });

  test('a GPU where there is no WebGPU', () => {
    vi.stubGlobal('navigator', { userAgent: 'a browser without it', hardwareConcurrency: 2 });
    const error = refusal({ device: 'webgpu' });
    vi.unstubAllGlobals();
    expect(error).toMatchObject({ ...fields, option: 'device', received: 'webgpu' });
    expect(String(error)).toMatch(/^OptionError: device is "webgpu", .*navigator\.gpu is missing/);
  });

  test.each([0, 1.5, Number.NaN])('%d threads', (threads) => {
    expect(refusal({ threads })).toMatchObject({ ...fields, expected: 'a whole number from 1 on', received: threads });
  });

  test('threads where memory cannot be shared', () => {
    expect(refusal({ threads: 2 })).toMatchObject({
      ...fields,
      message: expect.stringMatching(/Cross-Origin-Opener-Policy/),
    });
  });

  test('another place of the WebAssembly than an earlier runtime has', () => {
    createRuntime();
    const error = refusal({ wasmPaths: '/elsewhere/' });
    expect(error).toMatchObject({
      ...fields,
      option: 'wasmPaths',
      message: expect.stringMatching(/those of the first/),
    });
  });
});

describe('kernels beyond the common ones', () => {
  const images = (name: string) => input(name, 'f32', [2, 16, 5, 5]);
  const perChannel = (name: string) => input(name, 'f32', [16]);

  test('are used where they give the right numbers', async () => {
    const y = channelCombine(images('x'), images('z'), perChannel('a'), perChannel('b'), perChannel('c'));
    const given = Object.fromEntries(y.inputs.map((each, i) => ['xzabc'[i]!, gaussian(each.shape, 'combine', i)]));
    const choices = { [choiceKey(y)]: 'depthwise' };
    const runtime = createRuntime({ cache: null, choices });
    const program = await runtime.compile({ y });
    expect([runtime.device, runtime.choices]).toEqual(['wasm', choices]);
    const results = await program.run(given);
    expect(relativeError(results.y!, (await evaluate({ y }, given)).y!)).toBeLessThan(tolerance.value);
    await program.release();
  });

  test.each(['blocked8', 'blocked16'])('%s are missing in this build', async (lowering) => {
    const geometry = { strides: [1, 1], pads: [1, 1, 1, 1], dilations: [1, 1], groups: 1 } as const;
    const y = conv2d(images('x'), input('w', 'f32', [16, 16, 3, 3]), geometry);
    const compiled = createRuntime({ cache: null, choices: { [choiceKey(y)]: lowering } }).compile({ y });
    await expect(compiled).rejects.toThrow(`Conv2d has no lowering ${lowering} that applies here`);
  });
});
