import { cpuBackend } from 'graft-ml/internal/runtime/create';
import { describe, expect, test } from 'vitest';
import { relativeError, tolerance } from '../../../../test/golden.ts';
import { defaultChoices, evaluate, gaussian } from '../../../../test/run.ts';
import { UserError } from '../base/errors.ts';
import { vjp } from '../grad/index.ts';
import { decode } from '../graph/decode.ts';
import { applicableLowerings, encode, input, type Value } from '../graph/index.ts';
import { add, cast, conv2d, gather, log, maxPool, mul, relu, scatterAdd, slice } from '../ops/index.ts';
import { Agreement } from './agreement.ts';
import type { Backend } from './backend.ts';
import { formatPlacements, Runtime } from './index.ts';
import { type ChoiceStore, choiceKey } from './tuning.ts';

/** A fault of a kernel, as GPUs have them: numbers that are wrong, or an error when it runs. */
type Fault = 'wrong' | 'throws' | 'no kernel';

/**
 * ORT's processor kernels as a device, some of whose kernels are at fault. A node that is named as one for the CPU runs
 * without the fault.
 */
function faulty(faults: Readonly<Record<string, Fault>>): Backend & { readonly sessions: () => number } {
  const cpu = cpuBackend(1);
  let sessions = 0;
  return {
    ...cpu,
    device: 'webgpu',
    isBesideCpu: true,
    sessions: () => sessions,
    features: async () => new Set(),
    load: async (model, { onCpu = [], deviceOnly = false } = {}) => {
      sessions++;
      const nodes = decode(model).nodes.map(({ name, operator }) => ({ name, fault: faults[operator] }));
      const found = nodes.filter(({ name, fault }) => fault !== undefined && !onCpu.includes(name));
      const has = (fault: Fault) => found.some((each) => each.fault === fault);
      if (deviceOnly && has('no kernel')) throw new Error('fallback to CPU EP has been explicitly disabled');
      const session = await cpu.load(model);
      return {
        run: async (feeds, fetches) => {
          if (has('throws')) throw new Error('Status Message: /src/pool.cc:276 It is not\nsupported yet.');
          await session.run(feeds, fetches);
          if (has('wrong')) for (const { data } of Object.values(fetches)) (data as Float32Array)[0]! += 1;
        },
        release: () => session.release(),
      };
    },
  };
}

function memoryStore(): ChoiceStore & { readonly kept: Record<string, string> } {
  const kept: Record<string, string> = {};
  return { kept, load: async () => kept, save: async (found) => void Object.assign(kept, found) };
}

const geometry = { strides: [1, 1], pads: [1, 1, 1, 1], dilations: [1, 1], groups: 1 } as const;
const x = input('x', 'f32', [2, 3, 6, 6]);
const [w, dy] = [input('w', 'f32', [4, 3, 3, 3]), input('dy', 'f32', [2, 4, 6, 6])];
const [dw] = vjp([conv2d(x, w, geometry)], [dy], [w]);
const feeds = { x: gaussian(x.shape, 'x'), w: gaussian(w.shape, 'w'), dy: gaussian(dy.shape, 'dy') };

async function run(
  outputs: Record<string, Value>,
  device: Backend,
  { store, tune }: { store?: ChoiceStore; tune?: boolean } = {},
) {
  const agreement = new Agreement(device, cpuBackend(1), store);
  let checked = 0;
  const onCheck = ({ done }: { readonly done: number }) => {
    checked = done;
  };
  const runtime = new Runtime(device, {
    choices: defaultChoices(outputs),
    agreement: async () => agreement,
    onCheck,
    ...(tune !== undefined && { tune }),
  });
  const program = await runtime.compile(outputs);
  const results = await program.run(feeds);
  await program.release();
  const expected = await evaluate(outputs, feeds);
  for (const [name, value] of Object.entries(expected)) {
    expect(relativeError(results[name]!, value), name).toBeLessThan(tolerance.gradient);
  }
  return { placements: runtime.placements, choices: runtime.choices, checked };
}

describe('a kernel that is at fault', () => {
  test.each([true, false])(
    'gives way to another lowering, even where it was chosen beforehand (timed: %s)',
    async (tune) => {
      const first = Object.values(defaultChoices({ dw: dw! }))[0]!;
      const right = await run({ dw: dw! }, faulty({}));
      expect(Object.values(right.choices)).toEqual([first]);
      expect(right.placements).toEqual([
        { key: choiceKey(dw!), primitive: 'Conv2dWeightGrad', lowering: first, place: 'webgpu', error: 0, refused: {} },
      ]);
      const { placements, choices } = await run({ dw: dw! }, faulty({ MatMul: 'wrong' }), {
        tune,
      });
      const [placement] = placements;
      expect(placement).toMatchObject({ place: 'webgpu', lowering: Object.values(choices)[0] });
      expect(placement!.refused[first]).toMatch(/^wrong by 0\.\d+ of the largest number$/);
      expect(placement!.refused).not.toHaveProperty(placement!.lowering);
    },
  );

  test.each([
    ['wrong', /^wrong by/],
    ['throws', /^pool\.cc:276 It is not supported yet\.$/],
  ] as const)('leaves a primitive with one lowering to the CPU: %s', async (fault, reason) => {
    const y = slice(relu(x), [0, 0, 4, 0], [2, 3, 0, 6], [1, 1, -2, 1]);
    const { placements } = await run({ y }, faulty({ Slice: fault }));
    expect(placements).toMatchObject([
      { primitive: 'Relu', place: 'webgpu', refused: {} },
      { primitive: 'Slice', place: 'cpu', error: 0, refused: { onnx: expect.stringMatching(reason) } },
    ]);
  });

  test('is of one primitive: the maxima of a pool and their places are two nodes', async () => {
    const y = maxPool(x, { kernel: [2, 2], strides: [1, 1] });
    const [dx] = vjp([y], [input('d', 'f32', y.shape)], [x]);
    const outputs = { y, dx: dx! };
    const device = faulty({ MaxPool: 'no kernel' });
    const agreement = new Agreement(device, cpuBackend(1));
    const runtime = new Runtime(device, { choices: defaultChoices(outputs), agreement: async () => agreement });
    const { model, onCpu } = await runtime.encode(outputs);
    const pools = decode(model).nodes.filter(({ operator }) => operator === 'MaxPool');
    expect(pools.map(({ name }) => name.split('/')[0])).toEqual(['MaxPool', 'MaxPoolIndices']);
    expect(onCpu).toEqual([]); // ORT puts them there by itself
    expect(runtime.placements.filter(({ place }) => place === 'cpu')).toHaveLength(2);
  });

  test('is found with numbers that gather, scatter and log can take', async () => {
    const rows = input('rows', 'i64', [3]);
    const outputs = {
      gathered: gather(x, rows, 2),
      scattered: scatterAdd(slice(x, [0, 0, 0, 0], [2, 3, 6, 3]), rows, 3, 9),
      logarithm: log(mul(x, x)),
      whole: cast(x, 'i64'),
    };
    const agreement = new Agreement(faulty({ Log: 'wrong' }), cpuBackend(1));
    await agreement.check(Object.values(outputs));
    expect(Object.values(outputs).map((value) => agreement.isOnCpu(value))).toEqual([false, false, true, false]);
  });
});

test('a lowering without ORT’s own operators goes before one that the device shares with the CPU', async () => {
  const [first, ...others] = applicableLowerings(dw!);
  const { placements } = await run({ dw: dw! }, faulty({ Concat: 'no kernel' }));
  expect(placements).toMatchObject([{ place: 'webgpu', refused: {} }]);
  expect(others).toContain(placements[0]!.lowering);
  const { model } = encode({ y: dw! }, { choose: () => first, onCpu: () => false });
  expect(decode(model).nodes.filter(({ domain }) => domain !== '')).toEqual([]);
});

test('a device without a kernel says so', async () => {
  const { placements } = await run({ y: relu(add(x, 1)) }, faulty({ Relu: 'no kernel' }));
  expect(placements.map(({ primitive, place }) => [primitive, place])).toEqual([
    ['Add', 'webgpu'],
    ['Relu', 'cpu'],
  ]);
  expect(formatPlacements(placements)).toBe(
    '2 primitives at their shapes: 1 on webgpu, 1 on cpu\n' +
      'on cpu: onnx of Relu(f32[2,3,6,6]) {}\n' +
      '    the device has no kernel for all of it',
  );
});

test('what neither the device nor the CPU gets right is an error that names it', async () => {
  const device = faulty({});
  const reference = { ...cpuBackend(1), load: faulty({ Relu: 'throws' }).load };
  const agreement = new Agreement(device, reference);
  const checked = agreement.check([relu(x)]);
  await expect(checked).rejects.toThrow(UserError);
  await expect(checked).rejects.toThrow('Relu(f32[2,3,6,6]) {} cannot be computed on webgpu: pool.cc:276');
});

describe('what was found', () => {
  const outputs = { y: relu(slice(x, [0, 0, 4, 0], [2, 3, 0, 6], [1, 1, -2, 1])) };

  test('is kept, and checked again by nobody', async () => {
    const store = memoryStore();
    const first = await run(outputs, faulty({ Slice: 'wrong' }), { store });
    const device = faulty({ Slice: 'wrong' });
    const second = await run(outputs, device, { store });
    expect([first.checked, second.checked, device.sessions()]).toEqual([2, 0, 1]);
    expect(second.placements).toEqual(first.placements);
  });

  test.each(['', '{}', '[]', '{"agreeing":{"onnx":{}},"refused":{}}', '{"agreeing":{},"refused":{"onnx":1}}'])(
    'but not what a store has of something else: %s',
    async (text) => {
      const store = memoryStore();
      store.kept[choiceKey(outputs.y)] = text;
      expect(await run(outputs, faulty({}), { store })).toMatchObject({ checked: 2 });
    },
  );
});
