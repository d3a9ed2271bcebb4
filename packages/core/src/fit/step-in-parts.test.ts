import { createRuntime } from 'graft-ml/internal/runtime/index';
import { describe, expect, test, vi } from 'vitest';
import { gaussian, numbers } from '../../../../test/run.ts';
import { i64, type Tensors, zeros } from '../base/tensor.ts';
import { applyModel, getModel } from '../models/index.ts';
import {
  batchNorm,
  crossEntropyLoss,
  drawNoise,
  dropout,
  initialise,
  type Loss,
  linear,
  mseLoss,
  type Noise,
  type Scope,
} from '../nn/index.ts';
import { reduceMean, relu, square, sub } from '../ops/index.ts';
import { clipperOf, sgd } from '../optim/index.ts';
import { Program, State, type StepProgram, scalar } from '../runtime/index.ts';
import { batchNormOf } from './image-stage.ts';
import { Origins } from './profile/origins.ts';
import { TimedRuntime } from './profile/timed-runtime.ts';
import {
  averageDecay,
  averageName,
  feedNames,
  type Network,
  resultNames,
  scalarName,
  slotName,
  type TrainingStepOptions,
  trainingStep,
  variablesOf,
} from './step.ts';
import { type DivisionLimits, stepInParts } from './step-in-parts.ts';

const runtime = createRuntime({ threads: 1, cache: null, tune: false });
const ofTwoThreads = createRuntime({ threads: 2, cache: null, tune: false });
const always: DivisionLimits = { memory: 0, pair: 0, parameters: { eachStep: 0, eachRow: 0, eachPart: 0 } };
const classes = 3;
const network: Network = {
  input: { dtype: 'f32', shape: [5] },
  forward: (s, x) => {
    const hidden = relu(linear(s.at('hidden'), x, { features: 7 }));
    return linear(s.at('head'), dropout(s.at('drop'), hidden, 0.4), { features: classes });
  },
  isRowwise: true,
};
const names = [...variablesOf(network).keys()];
const options: TrainingStepOptions = {
  batchSize: 16,
  optimizer: sgd(),
  settings: new Map(names.map((name) => [name, { rate: 1 }])),
  batchNorm: 'running',
  loss: crossEntropyLoss({ labelSmoothing: 0.1 }),
  clip: clipperOf({ norm: 0.5 }),
  average: true,
};

/** Some steps of a program: the losses, the last outputs, and all that it changes. */
async function train(program: StepProgram, noise: readonly Noise[], rows = options.batchSize) {
  const initial = initialise(variablesOf(network).values(), 0);
  const of = (key: (name: string) => string, value: (name: string) => Tensors[string]) =>
    Object.fromEntries(names.map((name) => [key(name), value(name)]));
  const slots = options.optimizer.slots.map((slot) =>
    of(
      (name) => slotName(slot, name),
      (name) => zeros('f32', initial[name]!.shape),
    ),
  );
  const state = new State({ ...initial, ...of(averageName, (name) => initial[name]!), ...Object.assign({}, ...slots) });
  const losses: number[] = [];
  let outputs: number[] = [];
  for (let step = 1; step <= 3; step++) {
    const scalars = Object.entries({ learningRate: 0.1, ...options.optimizer.scalars(step) });
    const results = await state.step(program, {
      [feedNames.input]: gaussian([rows, 5], `inputs ${step}`),
      [feedNames.targets]: i64(
        [rows],
        Array.from({ length: rows }, (_, i) => (i * step) % classes),
      ),
      ...drawNoise(noise, 0, step),
      ...Object.fromEntries(scalars.map(([name, value]) => [scalarName(name), scalar(value)])),
      [averageDecay]: scalar(0.9),
    });
    losses.push(Number(results[resultNames.loss]!.data[0]));
    outputs = numbers(results[resultNames.outputs]!);
  }
  const changed = Object.fromEntries(Object.entries(state.current).map(([name, value]) => [name, numbers(value)]));
  return { losses, outputs, changed };
}

describe.each([
  ['one session', runtime, 16],
  ['two sessions side by side', ofTwoThreads, 16],
  ['two sessions with one part each', ofTwoThreads, 4],
])('in %s', (_name, own, batchSize) => {
  const ofBatch = { ...options, batchSize };
  test('steps in parts are the steps of the whole batch, with its dropout, clipping and averages', async () => {
    const { outputs, noise } = trainingStep(network, ofBatch);
    const divided = (await stepInParts(network, ofBatch, own, always))!;
    expect(divided.noise).toEqual(noise);
    const whole = await train(await runtime.compile(outputs), noise, batchSize);
    const parts = await train(divided.program, divided.noise, batchSize);
    const close = (a: readonly number[], b: readonly number[]) => {
      expect(a.length).toBe(b.length);
      a.forEach((value, i) => {
        expect(value).toBeCloseTo(b[i]!, 5);
      });
    };
    close(parts.losses, whole.losses);
    close(parts.outputs, whole.outputs);
    expect(Object.keys(parts.changed)).toEqual(Object.keys(whole.changed));
    for (const [name, values] of Object.entries(parts.changed)) close(values, whole.changed[name]!);
    expect(new Set(whole.losses).size).toBe(3);
    await divided.program.release();
  });

  test('two runs at once do not mix their sums, and all are the same to the bit', async () => {
    const { program, noise } = (await stepInParts(network, ofBatch, own, always))!;
    const [alone, ...together] = [
      await train(program, noise, batchSize),
      ...(await Promise.all([0, 1].map(() => train(program, noise, batchSize)))),
    ];
    for (const each of together) expect(each).toEqual(alone);
    await program.release();
  });

  test('a run that fails leaves the next ones right', async () => {
    const { program, noise } = (await stepInParts(network, ofBatch, own, always))!;
    const alone = await train(program, noise, batchSize);
    await expect(program.run({})).rejects.toThrow(/is missing/);
    expect(await train(program, noise, batchSize)).toEqual(alone);
    await program.release();
  });
});

test('a profile of two sessions has the kernels of both', async () => {
  const origins = new Origins();
  const timed = new TimedRuntime(ofTwoThreads, origins);
  const { program, noise } = (await origins.during(() => stepInParts(network, options, timed, always)))!;
  const divided = (await stepInParts(network, options, ofTwoThreads, always))!;
  expect(await train(program, noise)).toEqual(await train(divided.program, noise));
  const [gathering, update] = timed.programs;
  expect([gathering!.name, update!.name]).toEqual(['step', 'update']);
  const sessions = await gathering!.end();
  // Three steps of eight parts.
  expect(sessions.map(({ length }) => length)).toEqual([12, 12]);
  for (const { kernels } of sessions.flat()) {
    expect(new Set(kernels.map(({ node }) => gathering!.ownerOf(node)?.layer))).toContain('hidden');
  }
  expect(gathering!.calls).toHaveLength(3);
  await Promise.all([program, divided.program].map((each) => each.release()));
});

describe('two sessions', () => {
  const layer: Network = { ...network, forward: (s, x) => linear(s.at('layer'), x, { features: classes }) };
  const settings = new Map([...variablesOf(layer).keys()].map((name) => [name, { rate: 1 }]));
  /** The sessions, and the rows of a part. Null where the batch stays whole. */
  const division = async (limits: DivisionLimits, batchSize: number, own = ofTwoThreads) => {
    const encode = vi.spyOn(own, 'encode');
    const { pair } = own.backend;
    const open = pair && vi.spyOn(pair, 'open');
    const divided = await stepInParts(layer, { ...options, settings, batchSize }, own, limits);
    await divided?.program.release();
    const [ofPart] = encode.mock.calls[0] ?? [];
    const sessions = 1 + (open?.mock.calls.length ?? 0);
    for (const spy of [encode, open]) spy?.mockRestore();
    return divided && { sessions, rows: ofPart![resultNames.outputs]!.shape[0] };
  };
  const sidesOf = async (...given: Parameters<typeof division>) => (await division(...given))?.sessions ?? null;

  test('where threads can be halved', async () => {
    expect(await sidesOf(always, 16)).toBe(2);
    expect(await sidesOf(always, 16, runtime)).toBe(1);
    expect(createRuntime({ threads: 3, cache: null }).backend.pair).toBeUndefined();
  });

  test('for a batch that has an even number of parts, of two rows or more', async () => {
    expect(await sidesOf(always, 4)).toBe(2);
    expect(await sidesOf(always, 10)).toBe(2);
    expect(await sidesOf(always, 2)).toBeNull();
    expect(await sidesOf(always, 15)).toBe(1);
  });

  test('take parts that are large beside the parameters, as far as the batch allows', async () => {
    const ofPart = (rows: number) => {
      const ratio = (rows * (5 + classes + classes)) / (5 * classes + classes);
      return { ...always, parameters: { ...always.parameters, eachPart: ratio - 0.01 } };
    };
    expect(await division(ofPart(2), 16)).toEqual({ sessions: 2, rows: 2 });
    expect(await division(ofPart(3), 16)).toEqual({ sessions: 2, rows: 4 });
    expect(await division(ofPart(3), 24)).toEqual({ sessions: 2, rows: 3 });
    expect(await division(ofPart(6), 20)).toEqual({ sessions: 2, rows: 5 });
  });

  test('take parts as large as memory allows', async () => {
    const row = 4 * (5 + classes + classes);
    const ofMemory = (rows: number) => ({ ...always, memory: 2 * rows * row + 1 });
    expect(await division(ofMemory(8), 32)).toEqual({ sessions: 2, rows: 8 });
    expect(await division(ofMemory(7), 32)).toEqual({ sessions: 2, rows: 4 });
    expect(await division(ofMemory(1), 32)).toEqual({ sessions: 2, rows: 2 });
    const parameters = { ...always.parameters, eachPart: (3 * row) / (4 * (5 * classes + classes)) };
    expect(await division({ ...ofMemory(4), parameters }, 32)).toEqual({ sessions: 2, rows: 4 });
    expect(await division({ ...ofMemory(2), parameters }, 32)).toEqual({ sessions: 2, rows: 4 });
  });

  test('for a forward pass that is enough, beside the parameters, too', async () => {
    // Of a row: the inputs, the product and the sum with the bias.
    const bytes = 16 * 4 * (5 + classes + classes);
    const ratio = bytes / (4 * (5 * classes + classes));
    const never = { ...always, memory: 1e6 };
    const beside = (eachStep: number, eachRow: number) => ({
      ...never,
      parameters: { eachStep, eachRow, eachPart: 0 },
    });
    expect(await sidesOf({ ...never, pair: bytes }, 16)).toBe(2);
    expect(await sidesOf({ ...never, pair: bytes + 1 }, 16)).toBeNull();
    expect(await sidesOf(beside(ratio - 0.01, 0), 16)).toBe(2);
    expect(await sidesOf(beside(ratio + 0.01, 0), 16)).toBeNull();
    expect(await sidesOf(beside(0, (ratio - 0.01) / 16), 16)).toBe(2);
    expect(await sidesOf(beside(0, (ratio + 0.01) / 16), 16)).toBeNull();
  });
});

describe('a batch stays whole', () => {
  const meanOfAll: Loss = (output, target) => reduceMean(square(sub(output, target)));
  const normed = (s: Scope, x: Parameters<Network['forward']>[1]) =>
    linear(s.at('head'), batchNorm(s.at('norm'), linear(s.at('hidden'), x, { features: 7 })), { features: classes });
  const ofNumbers = { target: { dtype: 'f32', shape: [classes] } } as const;
  const withNorm = { ...network, forward: normed };
  const all = new Map([...variablesOf(withNorm).keys()].map((name) => [name, { rate: 1 }]));
  const ofLayers = new Map([...all].map(([name, setting]) => [name, name.startsWith('norm') ? null : setting]));

  test.each<[string, Network, Partial<TrainingStepOptions>, DivisionLimits]>([
    ['below so many bytes', network, {}, { ...always, memory: 2 ** 30 }],
    ['where rows may depend on each other', { ...network, isRowwise: undefined }, {}, always],
    ['in steps of several batches', network, { accumulate: 2 }, always],
    ['of 8', network, { batchSize: 8 }, always],
    ['of 22, that has no parts of 4 to 8', network, { batchSize: 22 }, always],
    ['for batch norms that use its statistics', withNorm, { settings: all }, always],
    ['for a loss with class weights', network, { loss: crossEntropyLoss({ classWeights: [1, 2, 3] }) }, always],
    ['for a loss of which nothing is known', network, { loss: meanOfAll, ...ofNumbers }, always],
  ])('%s', async (_name, each, changed, limits) => {
    const own = { ...options, ...changed };
    own.batchNorm = batchNormOf(own.settings, 'running');
    expect(await stepInParts(each, own, runtime, limits)).toBeNull();
  });

  test.each<[string, Network, Partial<TrainingStepOptions>]>([
    ['batch norms that are frozen', withNorm, { settings: ofLayers }],
    ['a loss with a number for each row', network, { loss: mseLoss(), ...ofNumbers }],
    ['a batch of 20', network, { batchSize: 20 }],
  ])('but not for %s', async (_name, each, changed) => {
    const own = { ...options, ...changed };
    own.batchNorm = batchNormOf(own.settings, 'running');
    const divided = await stepInParts(each, own, runtime, always);
    expect(divided).not.toBeNull();
    await divided?.program.release();
  });
});

test('an update that does not compile leaves nothing compiled behind', async () => {
  const release = vi.spyOn(Program.prototype, 'release');
  const optimizer = {
    ...options.optimizer,
    update(): never {
      throw new Error('no update');
    },
  };
  await expect(stepInParts(network, { ...options, optimizer }, runtime, always)).rejects.toThrow('no update');
  expect(release).toHaveBeenCalledTimes(1);
  release.mockRestore();
});

test.each(['convnext_tiny', 'swin_t', 'squeezenet1_1'])(
  '%s: what it makes of an image depends on that image alone',
  async (name) => {
    const model = getModel(name);
    expect(model.isRowwise).toBe(true);
    const of = { input: { dtype: 'f32', shape: [3, 32, 32] } } as const;
    const forward = (s: Scope, x: Parameters<Network['forward']>[1]) =>
      applyModel(model, s, x, { numClasses: classes });
    const weights = initialise(variablesOf({ ...of, forward }).values(), 0);
    const program = await runtime.compile(
      trainingStep(
        { ...of, forward },
        { ...options, batchSize: 2, settings: new Map(), clip: undefined, average: false },
      ).outputs,
    );
    const [first, second] = [gaussian([3, 32, 32], 'first'), gaussian([3, 32, 32], 'second')];
    const outputsOf = async (images: readonly (typeof first)[]) => {
      const batch = gaussian([2, 3, 32, 32], 'any');
      images.forEach(({ data }, i) => {
        batch.data.set(data as Float32Array, i * data.length);
      });
      const noise = Object.fromEntries(
        [...program.inputs].flatMap(([input, { dtype, shape }]) => {
          if (dtype !== 'u8') return [];
          const mask = zeros(dtype, shape);
          mask.data.fill(1);
          return [[input, mask] as const];
        }),
      );
      const feeds = { ...weights, ...noise, [feedNames.input]: batch, [feedNames.targets]: i64([2], [0, 1]) };
      return numbers((await program.run(feeds))[resultNames.outputs]!);
    };
    const [pair, twice] = [await outputsOf([first, second]), await outputsOf([first, first])];
    expect(pair.slice(0, classes)).toEqual(twice.slice(0, classes));
    expect(pair.slice(classes)).not.toEqual(twice.slice(classes));
    await program.release();
  },
);
