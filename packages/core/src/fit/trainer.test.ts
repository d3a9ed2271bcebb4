import { describe, expect, test } from 'vitest';
import { gaussian, numbers } from '../../../../test/run.ts';
import { classes, run, type Toy, taskOf, training, width } from '../../../../test/toy-run.ts';
import { clusters, differing } from '../../../../test/training.ts';
import { f32, type Tensors } from '../base/tensor.ts';
import { adamw, constant, oneCycle, sgd } from '../optim/index.ts';
import type { EvaluationEvent } from './events.ts';
import { type Batch, labelTensor, type Source } from './source.ts';

describe('events', () => {
  test('come in order: a start, for each epoch its steps and its evaluation, an end with the best epoch', async () => {
    const { events, store } = await run(taskOf());
    const [epochs, steps] = [6, 5]; // 44 points in batches of 8: the last 4 are left out
    const epoch = [...new Array<string>(steps).fill('step'), 'evaluation'];
    expect(events.map(({ kind }) => kind)).toEqual([
      'start',
      'stage',
      ...Array.from({ length: epochs }, () => epoch).flat(),
      'end',
    ]);
    expect(events[0]).toEqual({ kind: 'start', epochs, stepsPerEpoch: steps, resumedAt: 0 });
    const stepEvents = events.filter((event) => event.kind === 'step');
    expect(stepEvents.map((event) => [event.epoch, event.step])).toEqual(
      Array.from({ length: epochs * steps }, (_, i) => [Math.floor(i / steps) + 1, (i % steps) + 1]),
    );
    const schedule = oneCycle({ maximum: 0.05, steps: epochs * steps });
    expect(stepEvents.map(({ learningRate }) => learningRate)).toEqual(stepEvents.map((_, i) => schedule(i, [])));
    const evaluations = events.filter((event) => event.kind === 'evaluation');
    expect(evaluations.map(({ step }) => step)).toEqual([5, 10, 15, 20, 25, 30]);
    expect(evaluations.map(({ learningRate }) => learningRate)).toEqual(
      [4, 9, 14, 19, 24, 29].map((step) => schedule(step, [])),
    );
    expect(store.log).toEqual(evaluations);
  });

  test('the training loss of an epoch is the mean of its steps, and the best epoch has the highest accuracy', async () => {
    const { events, store } = await run(taskOf());
    const evaluations = events.filter((event) => event.kind === 'evaluation');
    for (const { epoch, training: average } of evaluations) {
      const losses = events.flatMap((event) => (event.kind === 'step' && event.epoch === epoch ? [event.loss] : []));
      expect(average.loss).toBeCloseTo(losses.reduce((sum, loss) => sum + loss, 0) / losses.length, 12);
      expect(average.accuracy * 40).toBeCloseTo(Math.round(average.accuracy * 40), 9);
    }
    const end = events.find((event) => event.kind === 'end')!;
    expect(end.best.accuracy).toBe(Math.max(...evaluations.map(({ accuracy }) => accuracy)));
    expect(end.best.accuracy).toBeGreaterThan(0.9);
    expect(evaluations.filter(({ isBest }) => isBest).at(-1)!.epoch).toBe(end.best.epoch);
    expect(store.best!.epoch).toBe(end.best.epoch);
  });
});

test('the optimizer’s steps are counted through all epochs, and on after a resume', async () => {
  const steps: number[] = [];
  const optimizer = {
    ...adamw(),
    scalars: (step: number) => {
      steps.push(step);
      return adamw().scalars(step);
    },
  };
  const { store } = await run(taskOf({ optimizer, epochs: 3 }), { stopAfter: 7 });
  expect(steps.slice(-7)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  await run(taskOf({ optimizer, epochs: 3 }), { resume: store.last! });
  expect(steps.slice(-8)).toEqual([8, 9, 10, 11, 12, 13, 14, 15]);
});

test('at a tie in accuracy the epoch with the lower loss is the best', async () => {
  const { events, store } = await run(taskOf({ epochs: 16, schedule: () => constant(0.1) }));
  let best: EvaluationEvent | undefined;
  let worseTies = 0;
  for (const event of events) {
    if (event.kind !== 'evaluation') continue;
    const tie = best && event.accuracy === best.accuracy;
    const better = !best || event.accuracy > best.accuracy || (tie && event.loss < best.loss);
    expect(event.isBest, `epoch ${event.epoch}`).toBe(better);
    if (tie && !better) worseTies++;
    if (better) best = event;
  }
  expect(worseTies).toBeGreaterThan(0);
  expect(store.best!.epoch).toBe(best!.epoch);
});

describe('what is trained', () => {
  const rules: Toy['rules'] = [
    [/^head\./, { rate: 1 }],
    [/.*/, null],
  ];
  const pretrained: Tensors = {
    'bn.running_mean': gaussian([8], 'mean'),
    'bn.running_var': f32([8], [1, 2, 0.5, 1, 3, 1, 0.2, 1]),
  };

  test('frozen parameters and a frozen batch norm keep every bit; the head moves', async () => {
    const before = (
      await run(
        taskOf({
          epochs: 1,
          rules: [[/.*/, { rate: 0 }]],
          optimizer: sgd({ momentum: 0 }),
          initial: pretrained,
          batchNorm: 'frozen',
        }),
      )
    ).store.last!;
    const { store } = await run(taskOf({ rules, initial: pretrained, batchNorm: 'frozen' }));
    const names = ['head.weight', 'head.bias'];
    const variables = (tensors: Tensors) =>
      Object.fromEntries(Object.entries(tensors).filter(([name]) => !name.startsWith('optimizer/')));
    expect(differing(variables(before.tensors), variables(store.last!.tensors)).sort()).toEqual(names.sort());
    expect(
      differing(pretrained, { ...pretrained, 'bn.running_mean': store.last!.tensors['bn.running_mean']! }),
    ).toEqual([]);
    expect(
      Object.keys(store.last!.tensors)
        .filter((name) => name.startsWith('optimizer/'))
        .sort(),
    ).toEqual([
      'optimizer/mean/head.bias',
      'optimizer/mean/head.weight',
      'optimizer/square/head.bias',
      'optimizer/square/head.weight',
    ]);
  });

  test('running statistics move where the layer is trained, and stay where it is frozen, under every policy', async () => {
    const statistics = ['bn.running_mean', 'bn.running_var'];
    const { store } = await run(taskOf({ rules, initial: pretrained, batchNorm: 'running' }));
    expect(differing(pretrained, store.last!.tensors).filter((name) => statistics.includes(name))).toEqual([]);
    const trained = (await run(taskOf({ initial: pretrained, batchNorm: 'running' }))).store.last!.tensors;
    expect(differing(pretrained, trained)).toEqual(expect.arrayContaining(statistics));
    expect(numbers(trained['bn.num_batches_tracked'])).toEqual([30]);
  });
});

describe('chance', () => {
  test('each epoch takes the examples in an order of its own, each of them once, and the seed decides it', async () => {
    const orders: (readonly number[])[] = [];
    const noted: Source = {
      size: training.size,
      batches: (request) => {
        orders.push(request.order);
        return training.batches(request);
      },
    };
    for (const seed of [3, 3, 4]) await run(taskOf({ training: noted, epochs: 2, seed }));
    const [a1, a2, b1, b2, c1] = orders;
    expect([b1, b2]).toEqual([a1, a2]);
    expect(a2).not.toEqual(a1);
    expect(c1).not.toEqual(a1);
    // 5 steps of 8: the last four of an order are not taken.
    for (const order of orders) expect([order.length, new Set(order).size]).toEqual([40, 40]);
  });

  test('one seed, one result, to the bit; another seed, another', async () => {
    const [first, second, other] = [await run(taskOf()), await run(taskOf()), await run(taskOf({ seed: 4 }))];
    expect(differing(first.store.last!.tensors, second.store.last!.tensors)).toEqual([]);
    expect(differing(first.store.best!.tensors, second.store.best!.tensors)).toEqual([]);
    expect(differing(first.store.last!.tensors, other.store.last!.tensors)).toContain('head.weight');
  });

  test('each step has its own dropout mask', async () => {
    const constantTask = { schedule: () => constant(0), batchNorm: 'frozen', epochs: 1 } as const;
    const one = await clusters(1, classes, width, 'single');
    const repeated: Source = {
      size: 48,
      batches: (request) => one.batches({ ...request, order: request.order.map(() => 0) }),
    };
    const { events } = await run(taskOf({ ...constantTask, training: repeated }));
    const losses = events.flatMap((event) => (event.kind === 'step' ? [event.loss] : []));
    expect(new Set(losses).size).toBe(6);
  });
});

test('a stage of mixed images learns from the labels of both, by their shares', async () => {
  const of = (change: (batch: Batch) => Batch): Source => ({
    size: training.size,
    async *batches(request) {
      for await (const batch of training.batches(request)) yield change(batch);
    },
  });
  const partnersOf = ({ targets }: Batch) => {
    const labels = numbers(targets);
    return labelTensor(labels.map((_, i) => labels.at(i - 1)!));
  };
  const firstLoss = async (source: Source, mixes: boolean) => {
    const task = taskOf({ training: source, epochs: 1 });
    const { events } = await run({ ...task, stages: task.stages.map((stage) => ({ ...stage, mixes })) });
    return events.find((event) => event.kind === 'step')!.loss;
  };
  const own = await firstLoss(training, false);
  const partners = await firstLoss(
    of((batch) => ({ ...batch, targets: partnersOf(batch) })),
    false,
  );
  const mixed = await firstLoss(
    of((batch) => ({ ...batch, mix: { partners: partnersOf(batch), share: 0.7 } })),
    true,
  );
  expect(Math.abs(own - partners)).toBeGreaterThan(1e-3);
  expect(mixed).toBeCloseTo(0.7 * own + 0.3 * partners, 5);
});
