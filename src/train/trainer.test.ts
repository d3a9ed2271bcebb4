import { beforeAll, describe, expect, test } from 'vitest';
import { defaultChoices, gaussian, numbers } from '../../test/run.ts';
import { clusters, collect, differing, memoryStore } from '../../test/training.ts';
import { randomStream } from '../base/random.ts';
import { f32, type Tensors } from '../base/tensor.ts';
import { batchNorm, dropout, linear } from '../nn/index.ts';
import { relu } from '../ops/index.ts';
import { adamw, constant, oneCycle, type Rules, sgd } from '../optim/index.ts';
import { createRuntime } from '../runtime/node/index.ts';
import {
  type CheckpointStore,
  evaluationStep,
  LossError,
  type Network,
  type Source,
  type TrainEvent,
  type TrainingTask,
  train,
  trainingStep,
  variablesOf,
} from './index.ts';

const width = 6;
const classes = 3;

/** Two layers with all that has state or chance in training: batch norm and dropout. */
const network: Network = {
  input: { dtype: 'f32', shape: [width] },
  forward(s, x) {
    const hidden = relu(batchNorm(s.at('bn'), linear(s.at('body'), x, { features: 8 })));
    return linear(s.at('head'), dropout(s.at('drop'), hidden, 0.4), { features: classes });
  },
};

let training: Source;
let validation: Source;
beforeAll(async () => {
  training = await clusters(44, classes, width, 'training');
  validation = await clusters(21, classes, width, 'validation');
});

function taskOf(changes: Partial<TrainingTask> = {}): TrainingTask {
  return {
    network,
    training,
    validation,
    pretrained: {},
    rules: [[/.*/, { rate: 1 }]],
    optimizer: adamw(),
    schedule: (steps) => oneCycle({ maximum: 0.05, steps }),
    loss: { labelSmoothing: 0.1 },
    batchNorm: 'running',
    epochs: 6,
    batchSize: 8,
    seed: 3,
    ...changes,
  };
}

/** Nothing is timed: two runs of one test must not choose differently. */
function runtime() {
  const settings = new Map([...variablesOf(network).keys()].map((name) => [name, { rate: 1 }]));
  const steps = [8, 44].flatMap((batchSize) => [
    ...(['frozen', 'running'] as const).map((batchNorm) =>
      trainingStep(network, { ...taskOf({ batchSize, batchNorm }), settings }),
    ),
    evaluationStep(network, batchSize, 'running'),
  ]);
  const choices = Object.assign({}, ...steps.map(({ outputs }) => defaultChoices(outputs)));
  return createRuntime({ cache: null, threads: 1, choices });
}

/** A run until the end or until `stopAfter` steps of its own, with what it left. */
async function run(task: TrainingTask, options: { resume?: CheckpointOf; stopAfter?: number } = {}) {
  const store = memoryStore();
  const controller = new AbortController();
  const { resume, stopAfter = Number.POSITIVE_INFINITY } = options;
  const events: TrainEvent[] = [];
  let steps = 0;
  for await (const event of train(task, {
    runtime: runtime(),
    store,
    signal: controller.signal,
    ...(resume && { resume }),
  })) {
    events.push(event);
    if (event.kind === 'step' && ++steps >= stopAfter) controller.abort();
  }
  return { store, events };
}

type CheckpointOf = NonNullable<ReturnType<typeof memoryStore>['last']>;

describe('events', () => {
  test('come in order: a start, for each epoch its steps and its evaluation, an end with the best epoch', async () => {
    const { events, store } = await run(taskOf());
    const [epochs, steps] = [6, 5]; // 44 points in batches of 8: the last 4 are left out
    const epoch = [...new Array<string>(steps).fill('step'), 'evaluation'];
    expect(events.map(({ kind }) => kind)).toEqual([
      'start',
      ...Array.from({ length: epochs }, () => epoch).flat(),
      'end',
    ]);
    expect(events[0]).toEqual({ kind: 'start', epochs, stepsPerEpoch: steps, resumedAt: 0 });
    const stepEvents = events.filter((event) => event.kind === 'step');
    expect(stepEvents.map((event) => [event.epoch, event.step])).toEqual(
      Array.from({ length: epochs * steps }, (_, i) => [Math.floor(i / steps) + 1, (i % steps) + 1]),
    );
    const schedule = oneCycle({ maximum: 0.05, steps: epochs * steps });
    expect(stepEvents.map(({ learningRate }) => learningRate)).toEqual(stepEvents.map((_, i) => schedule(i)));
    const evaluations = events.filter((event) => event.kind === 'evaluation');
    expect(evaluations.map(({ step }) => step)).toEqual([5, 10, 15, 20, 25, 30]);
    expect(evaluations.map(({ learningRate }) => learningRate)).toEqual([4, 9, 14, 19, 24, 29].map(schedule));
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

describe('what is trained', () => {
  const rules: Rules = [
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
          pretrained,
          batchNorm: 'frozen',
        }),
      )
    ).store.last!;
    const { store } = await run(taskOf({ rules, pretrained, batchNorm: 'frozen' }));
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

  test('the policy, not the rules, decides about batch statistics: running moves them with everything frozen but the head', async () => {
    const { store } = await run(taskOf({ rules, pretrained, batchNorm: 'running' }));
    const tensors = store.last!.tensors;
    expect(differing(pretrained, tensors)).toEqual(expect.arrayContaining(['bn.running_mean', 'bn.running_var']));
    expect(numbers(tensors['bn.num_batches_tracked'])).toEqual([30]);
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
    for (const order of orders) expect(order.toSorted((a, b) => a - b)).toEqual([...order.keys()]);
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

describe('interruption', () => {
  const stream = randomStream(7, 'interruptions');

  test.each([1, 5, 10, ...Array.from({ length: 4 }, () => 1 + stream.integer(28))])(
    'after step %i and resumed, a run ends bit for bit like one that was not interrupted',
    async (stopAfter) => {
      const whole = await run(taskOf());
      const cut = await run(taskOf(), { stopAfter });
      expect(cut.events.at(-1)).toMatchObject({ kind: 'interrupted' });
      const rest = await run(taskOf(), { resume: cut.store.last! });
      expect(rest.events[0]).toMatchObject({ kind: 'start', resumedAt: stopAfter });
      expect(differing(whole.store.last!.tensors, rest.store.last!.tensors)).toEqual([]);
      expect(rest.store.last!.phase).toEqual(whole.store.last!.phase);
      const best = rest.store.best ?? cut.store.best;
      expect(differing(whole.store.best!.tensors, best!.tensors)).toEqual([]);
      const logged = [...cut.store.log, ...rest.store.log].map(({ seconds: _, ...event }) => event);
      expect(logged).toEqual(whole.store.log.map(({ seconds: _, ...event }) => event));
    },
  );

  test('two interruptions, one of them at the end of an epoch', async () => {
    const whole = await run(taskOf());
    const first = await run(taskOf(), { stopAfter: 5 });
    expect(first.events.at(-1)).toEqual({ kind: 'interrupted', epoch: 1, step: 5 });
    const second = await run(taskOf(), { resume: first.store.last!, stopAfter: 8 });
    expect(second.events.at(-1)).toEqual({ kind: 'interrupted', epoch: 3, step: 3 });
    const third = await run(taskOf(), { resume: second.store.last! });
    expect(differing(whole.store.last!.tensors, third.store.last!.tensors)).toEqual([]);
    expect(differing(whole.store.best!.tensors, (third.store.best ?? second.store.best)!.tensors)).toEqual([]);
  });

  test('in the middle of an evaluation, too', async () => {
    const controller = new AbortController();
    let looks = 0;
    const nosy: Source = {
      size: validation.size,
      async *batches(request) {
        for await (const batch of validation.batches(request)) {
          if (++looks === 5) controller.abort(); // 3 batches an evaluation
          yield batch;
        }
      },
    };
    const store = memoryStore();
    const events = await collect(
      train(taskOf({ validation: nosy }), { runtime: runtime(), store, signal: controller.signal }),
    );
    expect(events.at(-1)).toEqual({ kind: 'interrupted', epoch: 2, step: 5 });
    const [whole, rest] = [await run(taskOf()), await run(taskOf(), { resume: store.last! })];
    expect(differing(whole.store.last!.tensors, rest.store.last!.tensors)).toEqual([]);
  });

  test('a reader that stops reading leaves the best and the last checkpoint, however seldom they are written', async () => {
    // A slow store: after the first checkpoint none is due for a long time.
    const memory = memoryStore();
    let saves = 0;
    const store: CheckpointStore = {
      ...memory,
      saveLast: async (tensors, phase) => {
        await memory.saveLast(tensors, phase);
        if (++saves === 1) await new Promise((resolve) => setTimeout(resolve, 300));
      },
    };
    for await (const event of train(taskOf(), { runtime: runtime(), store })) {
      if (event.kind === 'evaluation' && event.epoch === 3) break;
    }
    expect(memory.last!.phase).toMatchObject({ epoch: 3, step: 0 });
    expect(memory.best!.epoch).toBe(memory.last!.phase.best!.epoch);
    const [whole, rest] = [await run(taskOf()), await run(taskOf(), { resume: memory.last! })];
    expect(differing(whole.store.last!.tensors, rest.store.last!.tensors)).toEqual([]);
  });
});

describe('errors', () => {
  test('a loss that is no number ends the run; the checkpoint before it stands', async () => {
    const store = memoryStore();
    const task = taskOf({ optimizer: sgd(), schedule: () => (step) => (step < 7 ? 0.01 : 1e30) });
    const failure = await collect(train(task, { runtime: runtime(), store })).catch((error: Error) => error);
    expect(failure).toBeInstanceOf(LossError);
    expect((failure as Error).message).toMatch(
      /^train: the loss became (NaN|-?Infinity) in step \d of epoch [23], at learning rate 1\.00e\+30\. Try a tenth/,
    );
    expect(store.last!.phase.epoch * 5 + store.last!.phase.step).toBeGreaterThanOrEqual(1);
    expect(numbers(store.best!.tensors['head.weight']).every(Number.isFinite)).toBe(true);
    expect(store.best!.epoch).toBe(1);
  });

  test('a loss that is no number in the evaluation is the same error', async () => {
    const all = taskOf({ batchSize: 64, epochs: 1, optimizer: sgd(), schedule: () => constant(1e38) });
    await expect(run(all)).rejects.toThrow(/the loss became (NaN|Infinity) in the validation after epoch 1/);
  });

  test('a checkpoint of another network is refused by name and shape', async () => {
    const { store } = await run(taskOf({ epochs: 1 }));
    const { 'head.bias': _, ...without } = store.last!.tensors;
    const resume = (tensors: Tensors) => run(taskOf(), { resume: { tensors, phase: store.last!.phase } });
    await expect(resume(without)).rejects.toThrow('head.bias is absent in it, f32[3] in the run');
    await expect(resume({ ...without, 'head.bias': f32([2], [0, 0]) })).rejects.toThrow(
      'head.bias is f32[2] in it, f32[3] in the run',
    );
    await expect(run(taskOf({ optimizer: sgd() }), { resume: store.last! })).rejects.toThrow('optimizer/');
  });
});
