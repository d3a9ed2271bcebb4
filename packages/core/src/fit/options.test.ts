import { createRuntime } from 'graft-ml/internal/runtime/index';
import { describe, expect, test } from 'vitest';
import { defaultChoices, numbers } from '../../../../test/run.ts';
import { classes, network, run, taskOf } from '../../../../test/toy-run.ts';
import { collect, differing, memoryStore } from '../../../../test/training.ts';
import type { Tensors } from '../base/tensor.ts';
import { crossEntropyLoss, linear } from '../nn/index.ts';
import { relu } from '../ops/index.ts';
import { adamw, constant, sgd } from '../optim/index.ts';
import { epochOrder } from './sampling.ts';
import { stepSettings } from './stage.ts';
import { averageName, evaluationStep, gatheringStep, type Network, trainingStep } from './step.ts';
import type { TrainingTask } from './task.ts';
import { train } from './trainer.ts';

/** Without chance and without statistics of a batch, so that two small batches are one large one. */
const plain: Network = {
  ...network,
  forward: (s, x) => linear(s.at('head'), relu(linear(s.at('body'), x, { features: 8 })), { features: classes }),
};

async function trained(
  task: TrainingTask,
  stopAfter = Number.POSITIVE_INFINITY,
  resume?: ReturnType<typeof memoryStore>,
) {
  const options = { ...task, average: task.average !== null, settings: stepSettings(task.stages, 0) };
  const own = task.stages[0]!.network;
  const graphs = [
    trainingStep(own, options),
    ...(task.accumulate > 1 ? [gatheringStep(own, options)] : []),
    evaluationStep(own, { ...task, batchNorm: 'running' }),
  ];
  const choices = Object.assign({}, ...graphs.map(({ outputs }) => defaultChoices(outputs)));
  const store = memoryStore();
  const controller = new AbortController();
  let steps = 0;
  for await (const event of train(task, {
    runtime: createRuntime({ cache: null, threads: 1, choices }),
    store,
    signal: controller.signal,
    ...(resume && { resume: resume.last! }),
  })) {
    if (event.kind === 'step' && ++steps >= stopAfter) controller.abort();
  }
  return { store };
}

const distance = (a: Tensors, b: Tensors, names: readonly string[]) =>
  Math.max(...names.flatMap((name) => numbers(a[name]).map((x, i) => Math.abs(x - numbers(b[name])[i]!))));

describe('accumulation', () => {
  const parameters = ['body.weight', 'body.bias', 'head.weight', 'head.bias'];
  const changes = {
    network: plain,
    optimizer: adamw(),
    schedule: () => constant(0.02),
    loss: crossEntropyLoss(),
    epochs: 3,
  };

  test('four batches of 4 make the step that one of 16 makes', async () => {
    const [many, one] = [
      await trained(taskOf({ ...changes, batchSize: 4, accumulate: 4 })),
      await trained(taskOf({ ...changes, batchSize: 16 })),
    ];
    expect(many.store.log.map(({ step }) => step)).toEqual([2, 4, 6]);
    expect(one.store.log.map(({ step }) => step)).toEqual([2, 4, 6]);
    expect(distance(many.store.last!.tensors, one.store.last!.tensors, parameters)).toBeLessThan(1e-5);
    many.store.log.forEach(({ training: { loss, accuracy } }, i) => {
      expect(loss).toBeCloseTo(one.store.log[i]!.training.loss, 5);
      expect(accuracy).toBe(one.store.log[i]!.training.accuracy);
    });
  });

  test('interrupted and resumed, it ends bit for bit the same', async () => {
    const task = taskOf({ ...changes, batchSize: 4, accumulate: 4 });
    const whole = await trained(task);
    const part = await trained(task, 3);
    expect(part.store.last!.phase).toMatchObject({ epoch: 1, step: 1 });
    const rest = await trained(task, Number.POSITIVE_INFINITY, part.store);
    expect(differing(whole.store.last!.tensors, rest.store.last!.tensors)).toEqual([]);
  });
});

describe('a moving average of the weights', () => {
  test('is a ← d·a + (1-d)·p with d = min(decay, (1+t)/(10+t)), is evaluated, and is what is kept', async () => {
    const decay = 0.3;
    const changes = {
      network: plain,
      optimizer: sgd(),
      schedule: () => constant(0.05),
      epochs: 1,
      loss: crossEntropyLoss(),
    };
    const task = taskOf({ ...changes, average: decay });
    const { store } = await trained(task);
    let expected = numbers(task.initial['head.weight']);
    for (let step = 1; step <= 5; step++) {
      const { store: until } = await trained(task, step);
      const d = Math.min(decay, step / (9 + step));
      const now = numbers(until.last!.tensors['head.weight']);
      expected = expected.map((a, i) => d * a + (1 - d) * now[i]!);
      const average = numbers(until.last!.tensors[averageName('head.weight')]);
      expect(Math.max(...average.map((a, i) => Math.abs(a - expected[i]!)))).toBeLessThan(1e-6);
    }
    expect(numbers(store.best!.tensors['head.weight'])).toEqual(
      numbers(store.last!.tensors[averageName('head.weight')]),
    );
    const without = await trained(taskOf(changes));
    expect(
      differing(without.store.last!.tensors, store.last!.tensors).every((name) => name.startsWith('average/')),
    ).toBe(true);
    expect(store.log[0]!.loss).not.toBe(without.store.log[0]!.loss);
  });

  test('interrupted and resumed, it ends bit for bit the same', async () => {
    const task = taskOf({ network: plain, epochs: 3, average: 0.9 });
    const whole = await trained(task);
    const rest = await trained(task, Number.POSITIVE_INFINITY, (await trained(task, 7)).store);
    expect(differing(whole.store.last!.tensors, rest.store.last!.tensors)).toEqual([]);
    expect(differing(whole.store.best!.tensors, rest.store.best!.tensors)).toEqual([]);
  });
});

describe('patience', () => {
  /** A learning rate that ruins everything after the second epoch. */
  const changes = {
    optimizer: sgd(),
    schedule: () => (step: number) => (step < 10 ? 0.02 : 3),
    epochs: 30,
    network: plain,
  };

  test('the run ends so many epochs after its best, and the best is what is kept', async () => {
    const store = memoryStore();
    const runtime = createRuntime({ cache: null, threads: 1 });
    const events = await collect(train(taskOf({ ...changes, patience: 3 }), { runtime, store }));
    const end = events.find((event) => event.kind === 'end')!;
    const evaluations = events.filter((event) => event.kind === 'evaluation');
    expect(evaluations.length).toBe(end.best.epoch + 3);
    expect(evaluations.length).toBeLessThan(30);
    expect(end.isEarly).toBe(true);
    expect(store.best!.epoch).toBe(end.best.epoch);
    // Resumed, it does not go on.
    const again = await collect(train(taskOf({ ...changes, patience: 3 }), { runtime, resume: store.last! }));
    expect(again.map(({ kind }) => kind)).toEqual(['start', 'end']);
  });

  test('without it a run goes on to its last epoch', async () => {
    const { events } = await run(taskOf({ epochs: 2 }));
    expect(events.at(-1)).toMatchObject({ kind: 'end', isEarly: false });
  });
});

describe('sampling', () => {
  const labels = [...new Array<number>(90).fill(0), ...new Array<number>(10).fill(1)];

  test('shuffle takes every image once, in an order of its own in every epoch', () => {
    const order = epochOrder('shuffle', labels, 4);
    expect(order(1).toSorted((a, b) => a - b)).toEqual([...labels.keys()]);
    expect(order(2)).not.toEqual(order(1));
    expect(epochOrder('shuffle', labels, 4)(1)).toEqual(order(1));
  });

  test('balanced draws every class equally often, whatever its size', () => {
    const order = epochOrder('balanced', labels, 4);
    const draws = Array.from({ length: 50 }, (_, i) => order(i + 1)).flat();
    expect(order(1).length).toBe(labels.length);
    const rare = draws.filter((index) => labels[index] === 1).length / draws.length;
    expect(Math.abs(rare - 0.5)).toBeLessThan(4 * Math.sqrt(0.25 / draws.length));
    expect(new Set(draws).size).toBe(labels.length);
  });
});
