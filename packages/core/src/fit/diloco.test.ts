import { createRuntime } from 'graft-ml/internal/runtime/index';
import { describe, expect, test } from 'vitest';
import { golden, relativeError, withPrefix } from '../../../../test/golden.ts';
import { collect, differing, memoryStore } from '../../../../test/training.ts';
import { f32, type Tensors } from '../base/tensor.ts';
import { batchNorm, linear } from '../nn/index.ts';
import { relu } from '../ops/index.ts';
import { adamw, constant, type Schedule } from '../optim/index.ts';
import { dilocoCourse, type LocalWorkers, type Rounds } from './diloco.ts';
import type { TrainEvent } from './events.ts';
import { tensorDataset } from './examples.ts';
import { fit, fitCourse } from './fit.ts';
import { fitTask } from './fit-task.ts';
import { compileSteps } from './image-stage.ts';
import { takeLocalSteps } from './local-steps.ts';
import { createModel, type Model } from './model.ts';
import type { OuterOptimizer } from './outer-step.ts';
import type { Source } from './source.ts';
import type { TrainingTask } from './task.ts';

const { tensors } = golden('diloco');
const runtime = createRuntime({ cache: null, threads: 1 });
const paper: OuterOptimizer = { learningRate: 0.7, momentum: 0.9 };

function network(): Model {
  return createModel(
    (s, x) => {
      const stem = batchNorm(s.at('norm'), linear(s.at('stem'), x, { features: 8, bias: false }));
      return linear(s.at('head'), relu(stem), { features: 3 });
    },
    { input: { dtype: 'f32', shape: [6] }, runtime, weights: withPrefix(tensors, 'start/') },
  );
}

const points = (worker: number) => tensorDataset(tensors[`${worker}/x`]!, tensors[`${worker}/labels`]!);
const inOrder = (source: Source): Source => ({ ...source, isSequential: true });

function taskOf(model: Model, train: Source, schedule: Schedule = constant(0.01)): TrainingTask {
  const optimizer = adamw({ learningRate: 0.01, weightDecay: 0.05 });
  return fitTask(model, { train }, { epochs: 4, batchSize: 4, optimizer, schedule, normDecay: true });
}

/** Workers of this process, with what their optimizers keep by the round that they are to begin. */
async function workersHere(tasks: readonly TrainingTask[], { steps }: Rounds) {
  const programs = await compileSteps(tasks[0]!, 0, runtime);
  const kept = tasks.map(() => new Map<number, Tensors>([[0, {}]]));
  const workers: LocalWorkers = {
    [Symbol.asyncDispose]: async () => {},
    round: (round, values) =>
      Promise.all(
        tasks.map(async (task, i) => {
          const sources = await task.stages[0]!.open(task.initial);
          const start = { values, kept: kept[i]!.get(round)!, from: round * steps, steps };
          const end = await takeLocalSteps(task, { sources, programs }, start);
          kept[i]!.set(round + 1, end!.kept);
          return end!;
        }),
      ),
  };
  return async () => workers;
}

const lossesOf = (events: readonly TrainEvent[]) => events.flatMap((e) => (e.kind === 'step' ? [e.loss] : []));

describe('DiLoCo', () => {
  test('comes to the numbers of the algorithm written out in PyTorch', async () => {
    const model = network();
    const rounds: Rounds = { workers: 3, steps: 3, perEpoch: 5, epochs: 1 };
    const tasks = [0, 1, 2].map((worker) => taskOf(model, inOrder(points(worker))));
    const workers = await workersHere(tasks, rounds);
    const store = memoryStore();
    const events = await collect(fitCourse(model, dilocoCourse(tasks[0]!, rounds, paper, workers), { store }));
    const losses = lossesOf(events);
    expect(relativeError(f32([5], losses), tensors.losses!)).toBeLessThan(1e-5);
    for (const [name, end] of Object.entries(withPrefix(tensors, 'end/'))) {
      expect(relativeError(store.last!.tensors[name]!, end), name).toBeLessThan(2e-5);
    }
  });

  test('of one worker, averaged after every step as it is, is ordinary training to the bit', async () => {
    const schedule: Schedule = (step) => 0.02 / (1 + step);
    const ordinary = memoryStore();
    const options = { epochs: 3, batchSize: 4, optimizer: adamw({ weightDecay: 0.05 }), schedule, seed: 7 };
    await collect(fit(network(), { train: points(0) }, { ...options, store: ordinary }));
    const model = network();
    const task = fitTask(model, { train: points(0) }, options);
    const rounds: Rounds = { workers: 1, steps: 1, perEpoch: task.stepsPerEpoch, epochs: 3 };
    const course = dilocoCourse(task, rounds, { learningRate: 1, momentum: 0 }, await workersHere([task], rounds));
    const store = memoryStore();
    await collect(fitCourse(model, course, { store }));
    const own = Object.entries(ordinary.last!.tensors).filter(([name]) => name in model.variables);
    expect(differing(store.last!.tensors, Object.fromEntries(own))).toEqual([]);
    const numbers = ({ log }: typeof store) =>
      log.map(({ loss, training, learningRate }) => [loss, training, learningRate]);
    expect(numbers(store)).toEqual(numbers(ordinary));
  });

  test('goes on after any round to the bit', async () => {
    const rounds: Rounds = { workers: 2, steps: 3, perEpoch: 2, epochs: 3 };
    const whole = memoryStore();
    const model = network();
    const tasks = [0, 1].map((worker) => taskOf(model, points(worker)));
    const workers = await workersHere(tasks, rounds);
    const course = () => dilocoCourse(tasks[0]!, rounds, paper, workers);
    await collect(fitCourse(model, course(), { store: whole }));
    const store = memoryStore();
    const again = network();
    for await (const event of fitCourse(again, course(), { store })) {
      if (event.kind === 'step' && event.epoch === 2 && event.step === 1) break;
    }
    await collect(fitCourse(again, course(), { store, resume: store.last! }));
    expect(differing(store.last!.tensors, whole.last!.tensors)).toEqual([]);
    expect(store.best!.epoch).toBe(whole.best!.epoch);
  });

  test('of workers that are told to stop ends before the round', async () => {
    const model = network();
    const stop = new AbortController();
    const rounds: Rounds = { workers: 1, steps: 2, perEpoch: 4, epochs: 1 };
    const task = taskOf(model, points(0));
    const here = await (await workersHere([task], rounds))();
    const workers: LocalWorkers = {
      ...here,
      async round(round, values) {
        if (round < 2) return here.round(round, values);
        stop.abort();
        return null;
      },
    };
    const store = memoryStore();
    const events = await collect(
      fitCourse(
        model,
        dilocoCourse(task, rounds, paper, async () => workers),
        { store, signal: stop.signal },
      ),
    );
    expect(events.at(-1)).toEqual({ kind: 'interrupted', epoch: 1, step: 2 });
    expect(store.last!.phase).toMatchObject({ epoch: 0, step: 2 });
  });
});
