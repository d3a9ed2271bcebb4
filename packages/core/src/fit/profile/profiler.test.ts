import { createRuntime } from 'graft-ml/internal/runtime/index';
import { beforeAll, describe, expect, test } from 'vitest';
import { gaussian } from '../../../../../test/run.ts';
import { collect, differing, memoryStore } from '../../../../../test/training.ts';
import { OptionError } from '../../base/errors.ts';
import { batchNorm, conv2d, dropout, type Forward, linear } from '../../nn/index.ts';
import { maxPool, relu, reshape } from '../../ops/index.ts';
import { adamw, constant } from '../../optim/index.ts';
import { Runtime } from '../../runtime/index.ts';
import { tensorDataset } from '../examples.ts';
import { fit } from '../fit.ts';
import type { FitStore } from '../fit-options.ts';
import { createModel } from '../model.ts';
import { partNames, profileByLayer, profileByPrimitive, profileIn, type StageProfile } from './profile.ts';
import { Profiler } from './profiler.ts';

const runtime = createRuntime({ cache: null, threads: 1, tune: false });
const [size, batchSize] = [24, 4];
const images = gaussian([size, 2, 8, 8], 'profiled');
const data = {
  train: tensorDataset(
    images,
    Array.from({ length: size }, (_, i) => i % 3),
  ),
};

const network: Forward = (s, x) => {
  const stem = s.at('stem');
  const y = relu(batchNorm(stem.at('bn'), conv2d(stem.at('conv'), x, { channels: 4, kernel: 3, padding: 1 })));
  const flat = reshape(maxPool(y, { kernel: [2, 2], strides: [2, 2] }), [x.shape[0]!, 64]);
  return linear(s.at('head'), dropout(s.at('drop'), flat, 0.2), { features: 3 });
};
const model = () => createModel(network, { input: { dtype: 'f32', shape: [2, 8, 8] }, runtime, seed: 1 });
const options = { batchSize, epochs: 2, optimizer: adamw({ learningRate: 0.01 }), schedule: constant(), seed: 2 };

const whole = model();
const profiled = model();
const profiler = new Profiler({ steps: 3, use: () => ({ processor: 0, memory: 5 }) });
let stage: StageProfile;
beforeAll(async () => {
  await collect(fit(whole, data, options));
  await collect(fit(profiled, data, { ...options, profiler }));
  stage = profiler.profile.stages[0]!;
});

test('the run is the same to the bit', () => {
  expect(differing(whole.variables, profiled.variables)).toEqual([]);
});

describe('the profile', () => {
  test('is of the steps after the warm-up', () => {
    expect(profiler.profile).toMatchObject({ version: 1, machine: runtime.identity });
    expect(profiler.profile.stages).toHaveLength(1);
    expect(stage).toMatchObject({ epoch: 1, step: 3, steps: 3, sessions: 1, memory: 5, images: null });
  });

  test('has parts that add up to the step, and kernels that add up to theirs', () => {
    const parts = partNames.map((name) => stage.parts[name]);
    expect(Math.min(...parts)).toBeGreaterThanOrEqual(0);
    expect(parts.reduce((sum, each) => sum + each, 0)).toBeCloseTo(stage.milliseconds.mean, 6);
    expect(stage.parts.kernels).toBeCloseTo(stage.kernels, 6);
    for (const groups of [profileByLayer(stage), profileByPrimitive(stage)]) {
      expect(groups.reduce((sum, { milliseconds }) => sum + milliseconds, 0)).toBeCloseTo(stage.kernels, 6);
      expect(groups.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 6);
    }
    for (const { calls, milliseconds, kernels } of stage.rows) {
      expect(kernels.reduce((sum, kernel) => sum + kernel.calls, 0)).toBeCloseTo(calls, 6);
      expect(kernels.reduce((sum, kernel) => sum + kernel.milliseconds, 0)).toBeCloseTo(milliseconds, 6);
    }
  });

  test('knows the layers by the names of their parameters, and the passes', () => {
    const known = ['input', 'stem.conv', 'stem.bn', 'head', 'loss', '(added)'];
    expect(profileByLayer(stage).filter(({ name }) => !known.includes(name))).toEqual([]);
    const passesOf = (layer: string, primitive: string) =>
      stage.rows.filter((row) => row.layer === layer && row.primitive === primitive).map(({ pass }) => pass);
    expect(passesOf('stem.conv', 'Conv2d')).toEqual(['forward']);
    expect(passesOf('stem.conv', 'Conv2dWeightGrad')).toEqual(['backward']);
    expect(passesOf('head', 'MatMul').sort()).toEqual(['backward', 'forward']);
    expect(passesOf('stem.bn', 'MaxPool')).toEqual(['forward']);
    // Adam's slots and the weights of a layer are updated on its account.
    for (const layer of ['stem.conv', 'stem.bn', 'head']) {
      const updates = stage.rows.filter((row) => row.layer === layer && row.pass === 'optimizer');
      expect(
        updates.map(({ primitive }) => primitive),
        layer,
      ).toContain('Sqrt');
    }
    expect(stage.rows.filter(({ layer }) => layer === 'loss').map(({ pass }) => pass)).toContain('backward');
  });

  test('has the FLOPs of the layers', () => {
    const flops = (layer: string, primitive: string) =>
      stage.rows.find((row) => row.layer === layer && row.primitive === primitive)!.flops;
    expect(flops('stem.conv', 'Conv2d')).toBe(2 * (batchSize * 4 * 8 * 8) * (2 * 3 * 3));
    expect(flops('stem.conv', 'Conv2dWeightGrad')).toBe(2 * (batchSize * 4 * 8 * 8) * (2 * 3 * 3));
    expect(stage.flops).toBe(stage.rows.reduce((sum, row) => sum + row.flops, 0));
  });

  test('is read as it was written, and nothing else is', () => {
    const text = JSON.stringify(profiler.profile);
    expect(profileIn(JSON.parse(text))).toEqual(profiler.profile);
    expect(() => profileIn({ version: 2 })).toThrow('The profile is of version 2, this Graft reads version 1.');
    expect(() => profileIn({ version: 1, stages: 3 })).toThrow('The profile is not one that Graft wrote.');
  });
});

test('the trace is a list of spans within the measured steps, on named tracks', () => {
  const { traceEvents }: { traceEvents: TraceEvent[] } = JSON.parse(profiler.trace());
  const spans = traceEvents.filter(({ ph }) => ph === 'X');
  const tracks = new Map(
    traceEvents.flatMap(({ name, tid, args }) => (name === 'thread_name' ? [[tid, args.name]] : [])),
  );
  expect([...tracks.values()]).toEqual(['steps', 'calls', 'step, session']);
  const ofTrack = (name: string) => spans.filter(({ tid }) => tracks.get(tid) === name);
  expect(ofTrack('steps').map(({ name }) => name)).toEqual([3, 4, 5].map((step) => `epoch 1, step ${step}`));
  expect(ofTrack('calls')).toHaveLength(3);
  const calls = stage.rows.reduce((sum, row) => sum + row.calls, 0);
  expect(ofTrack('step, session')).toHaveLength(Math.round(3 * calls));
  expect(ofTrack('step, session').map(({ name }) => name)).toContain('stem.conv/Conv');
  const end = Math.max(...ofTrack('steps').map(({ ts, dur }) => ts + dur));
  for (const { ts, dur } of spans) {
    expect(Number.isInteger(ts) && Number.isInteger(dur) && ts >= 0 && dur >= 0).toBe(true);
    expect(ts).toBeLessThanOrEqual(end);
  }
});

interface TraceEvent {
  readonly ph: string;
  readonly name: string;
  readonly tid: number;
  readonly ts: number;
  readonly dur: number;
  readonly args: { readonly name: string };
}

test('a run that was stopped and resumed is profiled from where it goes on, and ends the same', async () => {
  const saved = memoryStore();
  const store: FitStore = {
    ...saved,
    load: async () => saved.last && { ...saved.last, best: saved.best?.tensors },
  };
  const controller = new AbortController();
  for await (const event of fit(model(), data, { ...options, store, signal: controller.signal })) {
    if (event.kind === 'step' && event.epoch === 1 && event.step === 2) controller.abort();
  }
  const [resumed, later] = [model(), new Profiler({ steps: 20 })];
  await collect(fit(resumed, data, { ...options, store, resume: true, profiler: later }));
  expect(differing(whole.variables, resumed.variables)).toEqual([]);
  // Ten steps are left, of which two warm up.
  expect(later.profile.stages[0]).toMatchObject({ epoch: 1, step: 5, steps: 8 });
});

test('each stage of a run has a profile, gathered batches are steps of one, and too short stages have none', async () => {
  const gradual = new Profiler({ steps: 1, warmup: 1 });
  const own = model().freeze('stem');
  const unfreeze = [{ epoch: 2, train: ['stem'] }];
  await collect(fit(own, data, { ...options, batchSize: 2, accumulate: 2, unfreeze, profiler: gradual }));
  const [first, second] = gradual.profile.stages;
  expect(gradual.profile.stages.map(({ steps }) => steps)).toEqual([1, 1]);
  const gradients = (rows: StageProfile['rows']) => rows.filter(({ primitive }) => primitive === 'Conv2dWeightGrad');
  expect([gradients(first!.rows), gradients(second!.rows).map(({ layer }) => layer)]).toEqual([[], ['stem.conv']]);
  const row = second!.rows.find(({ layer, primitive }) => layer === 'stem.conv' && primitive === 'Conv2d')!;
  expect(row.flops).toBe(2 * (2 * (2 * 4 * 8 * 8) * (2 * 3 * 3)));
  const none = new Profiler({ warmup: 100 });
  await collect(fit(model(), data, { ...options, profiler: none }));
  expect(none.profile.stages).toEqual([]);
});

test('steps are a whole number, and a device that does not time its kernels is said', async () => {
  expect(() => new Profiler({ steps: 0 })).toThrow(OptionError);
  expect(() => new Profiler({ warmup: 0.5 })).toThrow(OptionError);
  const { loadTimed: _, ...backend } = runtime.backend;
  const other = createModel(network, {
    input: { dtype: 'f32', shape: [2, 8, 8] },
    runtime: new Runtime(backend, { tune: false }),
  });
  await expect(collect(fit(other, data, { ...options, profiler: new Profiler() }))).rejects.toThrow(
    'Kernels can be timed on the processor in Node, not on the device `cpu`.',
  );
});
