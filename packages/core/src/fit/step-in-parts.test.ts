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
import { stepInParts } from './step-in-parts.ts';

const runtime = createRuntime({ threads: 1, cache: null, tune: false });
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
async function train(program: StepProgram, noise: readonly Noise[]) {
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
      [feedNames.input]: gaussian([16, 5], `inputs ${step}`),
      [feedNames.targets]: i64(
        [16],
        Array.from({ length: 16 }, (_, i) => (i * step) % classes),
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

test('steps in parts are the steps of the whole batch, with its dropout, clipping and averages', async () => {
  const { outputs, noise } = trainingStep(network, options);
  const divided = (await stepInParts(network, options, runtime, 0))!;
  expect(divided.noise).toEqual(noise);
  const whole = await train(await runtime.compile(outputs), noise);
  const parts = await train(divided.program, divided.noise);
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

test('two runs at once do not mix their sums', async () => {
  const { program, noise } = (await stepInParts(network, options, runtime, 0))!;
  const [alone, ...together] = [
    await train(program, noise),
    ...(await Promise.all([0, 1].map(() => train(program, noise)))),
  ];
  for (const each of together) expect(each).toEqual(alone);
  await program.release();
});

describe('a batch stays whole', () => {
  const meanOfAll: Loss = (output, target) => reduceMean(square(sub(output, target)));
  const normed = (s: Scope, x: Parameters<Network['forward']>[1]) =>
    linear(s.at('head'), batchNorm(s.at('norm'), linear(s.at('hidden'), x, { features: 7 })), { features: classes });
  const ofNumbers = { target: { dtype: 'f32', shape: [classes] } } as const;
  const withNorm = { ...network, forward: normed };
  const all = new Map([...variablesOf(withNorm).keys()].map((name) => [name, { rate: 1 }]));
  const ofLayers = new Map([...all].map(([name, setting]) => [name, name.startsWith('norm') ? null : setting]));

  test.each<[string, Network, Partial<TrainingStepOptions>, number]>([
    ['below so many bytes', network, {}, 2 ** 30],
    ['where rows may depend on each other', { ...network, isRowwise: undefined }, {}, 0],
    ['in steps of several batches', network, { accumulate: 2 }, 0],
    ['of 8', network, { batchSize: 8 }, 0],
    ['of 22, that has no parts of 4 to 8', network, { batchSize: 22 }, 0],
    ['for batch norms that use its statistics', withNorm, { settings: all }, 0],
    ['for a loss with class weights', network, { loss: crossEntropyLoss({ classWeights: [1, 2, 3] }) }, 0],
    ['for a loss of which nothing is known', network, { loss: meanOfAll, ...ofNumbers }, 0],
  ])('%s', async (_name, each, changed, enough) => {
    const own = { ...options, ...changed };
    own.batchNorm = batchNormOf(own.settings, 'running');
    expect(await stepInParts(each, own, runtime, enough)).toBeNull();
  });

  test.each<[string, Network, Partial<TrainingStepOptions>]>([
    ['batch norms that are frozen', withNorm, { settings: ofLayers }],
    ['a loss with a number for each row', network, { loss: mseLoss(), ...ofNumbers }],
    ['a batch of 20', network, { batchSize: 20 }],
  ])('but not for %s', async (_name, each, changed) => {
    const own = { ...options, ...changed };
    own.batchNorm = batchNormOf(own.settings, 'running');
    const divided = await stepInParts(each, own, runtime, 0);
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
  await expect(stepInParts(network, { ...options, optimizer }, runtime, 0)).rejects.toThrow('no update');
  expect(release).toHaveBeenCalledTimes(1);
  release.mockRestore();
});

test.each(['convnext_tiny', 'swin_t'])('%s: what it makes of an image depends on that image alone', async (name) => {
  const model = getModel(name);
  expect(model.isRowwise).toBe(true);
  const of = { input: { dtype: 'f32', shape: [3, 32, 32] } } as const;
  const forward = (s: Scope, x: Parameters<Network['forward']>[1]) => applyModel(model, s, x, { numClasses: classes });
  const weights = initialise(variablesOf({ ...of, forward }).values(), 0);
  const program = await runtime.compile(
    trainingStep({ ...of, forward }, { ...options, batchSize: 2, settings: new Map(), clip: undefined, average: false })
      .outputs,
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
});
