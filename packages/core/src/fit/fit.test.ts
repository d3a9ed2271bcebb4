import { createRuntime } from 'graft-ml/internal/runtime/index';
import { describe, expect, test } from 'vitest';
import { gaussian, numbers } from '../../../../test/run.ts';
import { collect, differing, memoryStore } from '../../../../test/training.ts';
import { OptionError } from '../base/errors.ts';
import { randomStream } from '../base/random.ts';
import { f32, i64, type Tensor } from '../base/tensor.ts';
import { batchNorm, bceWithLogitsLoss, dropout, type Forward, type Loss, linear, mseLoss } from '../nn/index.ts';
import { maximum, mul, reduceMean, relu, sub } from '../ops/index.ts';
import { adamw, constant, oneCycle, sgd } from '../optim/index.ts';
import type { EvaluationEvent } from './events.ts';
import { generatorDataset, randomSplit, subset, tensorDataset } from './examples.ts';
import { fit } from './fit.ts';
import type { FitStore, SavedFit } from './fit-options.ts';
import { meanAbsoluteError, meanMetric, multilabelAccuracy } from './metrics.ts';
import { createModel } from './model.ts';

const runtime = createRuntime({ cache: null, threads: 1 });
const [size, width, classes] = [44, 6, 3];

/** Points around one centre for each class. */
const labels = Array.from({ length: size }, (_, i) => i % classes);
const points = f32(
  [size, width],
  labels.flatMap((label, i) => {
    const [centre, noise] = [randomStream(0, 'centre', label), randomStream(0, 'point', i)];
    return Array.from({ length: width }, () => 1.5 * centre.normal() + noise.normal());
  }),
);
const data = randomSplit(tensorDataset(points, labels), { validation: 0.25, seed: 1 });

/** Blocks `body` and `backbone`, with all that has state or chance in training. */
const network: Forward = (s, x) => {
  const body = s.endpoint('body', relu(batchNorm(s.at('bn'), linear(s.at('body'), x, { features: 8 }))));
  const backbone = s.endpoint('backbone', relu(linear(s.at('middle'), body, { features: 8 })));
  return linear(s.at('head'), dropout(s.at('drop'), backbone, 0.2), { features: classes });
};
const input = { dtype: 'f32', shape: [width] } as const;
const model = () => createModel(network, { input, runtime, seed: 3 });

const last = <M extends string>(events: readonly { readonly kind: string }[]) =>
  events.findLast((event) => event.kind === 'evaluation') as EvaluationEvent<M>;

describe('a classifier of points', () => {
  test('learns, and has the values of the best epoch at the end', async () => {
    const own = model();
    const store = memoryStore();
    const events = await collect(
      fit(own, data, { epochs: 8, batchSize: 8, optimizer: adamw({ learningRate: 0.05 }), store }),
    );
    expect(
      events
        .map(({ kind }) => kind)
        .filter((kind) => kind !== 'step')
        .slice(0, 3),
    ).toEqual(['start', 'stage', 'evaluation']);
    const end = events.at(-1)!;
    if (end.kind !== 'end') throw new Error('no end');
    expect(end.best.accuracy).toBeGreaterThan(0.8);
    expect(differing(store.best!.tensors, own.variables)).toEqual([]);
    const { accuracy, loss } = await own.evaluate(data.validation, { batchSize: 8 });
    expect(accuracy).toBe(end.best.accuracy);
    expect(loss).toBeCloseTo(end.best.loss, 6);
  });

  test('what a reader sees after an evaluation is what was evaluated, also where it stops', async () => {
    const own = model();
    for await (const event of fit(own, data, { epochs: 8, batchSize: 8 })) {
      if (event.kind !== 'evaluation') continue;
      expect((await own.evaluate(data.validation, { batchSize: 8 })).loss).toBe(event.loss);
      if (event.epoch === 2) break;
    }
    expect(own.trainable.size).toBe(8);
  });

  test('resumed in the midst of an epoch, it ends bit for bit as if it had not stopped', async () => {
    const options = { epochs: 4, batchSize: 4, average: 0.9, accumulate: 2, clip: { norm: 0.5 } };
    const whole = model();
    const all = await collect(fit(whole, data, options));
    const controller = new AbortController();
    let saved: SavedFit | null = null;
    const memory = memoryStore();
    const store: FitStore = {
      ...memory,
      async saveLast(tensors, phase) {
        await memory.saveLast(tensors, phase);
        saved = { ...memory.last!, best: memory.best?.tensors };
      },
      load: async () => saved,
    };
    let steps = 0;
    for await (const event of fit(model(), data, { ...options, store, signal: controller.signal })) {
      if (event.kind === 'step' && ++steps === 6) controller.abort();
    }
    const resumed = model();
    const rest = await collect(fit(resumed, data, { ...options, store, resume: true }));
    expect(differing(whole.variables, resumed.variables)).toEqual([]);
    const plain = ({ seconds: _, ...event }: EvaluationEvent) => event;
    expect(plain(last(rest))).toEqual(plain(last(all)));
    expect(rest.length).toBeLessThan(all.length);
  });
});

describe('what is frozen', () => {
  test('keeps every bit, runs once over the examples, and the head learns from what it makes', async () => {
    const own = model().freeze().unfreeze('head');
    const before = own.variables;
    const asked: number[] = [];
    const counting = {
      ...data.train,
      async *batches(request: Parameters<typeof data.train.batches>[0]) {
        asked.push(request.order.length);
        yield* data.train.batches(request);
      },
    };
    const events = await collect(
      fit(own, { ...data, train: counting }, { epochs: 5, batchSize: 8, optimizer: adamw({ learningRate: 0.1 }) }),
    );
    expect(differing(before, own.variables).sort()).toEqual(['head.bias', 'head.weight']);
    expect(asked).toEqual([data.train.size]);
    expect(events.find((event) => event.kind === 'stage')).toMatchObject({ name: 'head' });
  });

  test('by patterns; rates go by patterns too, the first that matches', async () => {
    const own = model().freeze('body');
    expect(
      own
        .parameters()
        .filter(({ isTrainable }) => !isTrainable)
        .map(({ name }) => name),
    ).toEqual(['body.weight', 'body.bias', 'bn.weight', 'bn.bias']);
    const before = own.variables;
    const optimizer = sgd({ learningRate: 1e-3, momentum: 0, rates: { head: 1e-2, 'middle.weight': 0 } });
    await collect(fit(own, data, { epochs: 1, batchSize: data.train.size, optimizer, schedule: constant() }));
    const moved = (name: string) =>
      Math.max(...numbers(own.variables[name]).map((x, i) => Math.abs(x - numbers(before[name])[i]!)));
    expect(moved('middle.weight')).toBe(0);
    expect(moved('middle.bias')).toBeGreaterThan(0);
    // One step of gradient descent: ten times the rate, ten times as far.
    const same = model().freeze('body');
    await collect(
      fit(same, data, {
        epochs: 1,
        batchSize: data.train.size,
        optimizer: sgd({ learningRate: 1e-3, momentum: 0 }),
        schedule: constant(),
      }),
    );
    const moved1 = Math.max(
      ...numbers(same.variables['head.weight']).map((x, i) => Math.abs(x - numbers(before['head.weight'])[i]!)),
    );
    expect(moved('head.weight') / moved1).toBeCloseTo(10, 1);
  });

  test('unfrozen in the last epochs of a falling schedule it hardly moves; where the schedule restarts it does', async () => {
    const distance = async (restart: boolean) => {
      const own = model().freeze();
      const before = own.variables['body.weight'];
      const unfreeze = [
        { epoch: 1, train: ['head'] },
        { epoch: 9, train: ['body'], restart },
      ];
      const optimizer = sgd({ learningRate: 0.1 });
      const stages = (
        await collect(fit(own, data, { epochs: 10, batchSize: 8, unfreeze, optimizer, schedule: oneCycle() }))
      ).flatMap((event) => (event.kind === 'stage' ? [event.name] : []));
      expect(stages).toEqual(['head', 'body']);
      return Math.hypot(...numbers(own.variables['body.weight']).map((x, i) => x - numbers(before)[i]!));
    };
    const [kept, restarted] = [await distance(false), await distance(true)];
    expect(restarted).toBeGreaterThan(4 * kept);
  });

  test('errors say what to do', async () => {
    const frozen = model().freeze();
    await expect(collect(fit(frozen, data))).rejects.toThrow(
      "every parameter is frozen, so nothing would be trained. Unfreeze some: model.unfreeze('head').",
    );
    expect(() => model().freeze('layr4')).toThrow(OptionError);
    const idle = fit(model().freeze('body'), data, { optimizer: adamw({ rates: { body: 1e-3 } }) });
    await expect(collect(idle)).rejects.toThrow(
      "optimizer.rates: body is frozen, so its rate means nothing. Unfreeze it: model.unfreeze('body').",
    );
    await expect(collect(fit(model(), data, { epochs: 0 }))).rejects.toThrow(
      'epochs: expected a whole number from 1 on, received 0.',
    );
    await expect(
      collect(fit(model(), data, { metrics: [meanMetric('epoch', { higherIsBetter: true }, () => 0)] })),
    ).rejects.toThrow('metrics: expected metrics of different names');
    await expect(collect(fit(model(), data, { resume: true }))).rejects.toThrow(OptionError);
  });
});

describe('losses, metrics and data of one’s own', () => {
  const x = gaussian([40, 4], 'x') as Extract<Tensor, { dtype: 'f32' }>;
  const weights = [0.5, -1, 2, 0.25];
  const y = f32(
    [40, 1],
    Array.from({ length: 40 }, (_, i) => weights.reduce((sum, w, j) => sum + w * x.data[4 * i + j]!, 0.3)),
  );
  const line: Forward = (s, value) => linear(s.at('out'), value, { features: 1 });
  const regression = () => createModel(line, { input: { dtype: 'f32', shape: [4] }, runtime });
  const optimizer = adamw({ learningRate: 0.1, weightDecay: 0 });

  test('regression: a loss that is one number for a batch, and a metric that is any function', async () => {
    const quantile: Loss = (output, target) =>
      reduceMean(maximum(mul(sub(target, output), 0.5), mul(sub(output, target), 0.5)));
    const close = meanMetric('close', { higherIsBetter: true }, ([a], [b]) => Number(Math.abs(a! - b!) < 0.2));
    const own = regression();
    const source = tensorDataset(x, y);
    const events = await collect(
      fit(own, { train: source }, { epochs: 40, optimizer, loss: quantile, metrics: [meanAbsoluteError(), close] }),
    );
    const evaluation = last<'meanAbsoluteError' | 'close'>(events);
    expect(evaluation.meanAbsoluteError).toBeLessThan(0.1);
    expect(evaluation.close).toBeGreaterThan(0.9);
    // Batches of 16, 16 and 8: the loss of the short one is its own, and the mean is over examples.
    expect(evaluation.loss).toBeCloseTo(evaluation.meanAbsoluteError / 2, 6);
    expect(numbers(own.variables['out.weight']).map((w) => Math.round(w * 4) / 4)).toEqual(weights);
  });

  test('the best is the epoch of the least error, or what is asked for', async () => {
    const options = { epochs: 6, optimizer, loss: mseLoss(), schedule: (step: number) => (step < 9 ? 0.1 : 2) };
    const events = await collect(
      fit(regression(), { train: tensorDataset(x, y) }, { ...options, metrics: [meanAbsoluteError()] }),
    );
    const errors = events.flatMap((event) => (event.kind === 'evaluation' ? [event.meanAbsoluteError] : []));
    expect(events.at(-1)).toMatchObject({ kind: 'end', best: { epoch: errors.indexOf(Math.min(...errors)) + 1 } });
  });

  test('several labels per example', async () => {
    const flags = f32(
      [40, 2],
      Array.from({ length: 80 }, (_, i) => Number(x.data[4 * (i >> 1) + (i % 2)]! > 0)),
    );
    const two: Forward = (s, value) => linear(s.at('out'), value, { features: 2 });
    const own = createModel(two, { input: { dtype: 'f32', shape: [4] }, runtime });
    const options = { epochs: 60, optimizer, loss: bceWithLogitsLoss(), metrics: [multilabelAccuracy()] };
    const events = await collect(fit(own, { train: tensorDataset(x, flags) }, options));
    expect(last<'multilabelAccuracy'>(events).multilabelAccuracy).toBeGreaterThan(0.95);
  });

  test('an async generator: called for every epoch, in its own order, and resumed where it was', async () => {
    const calls: number[] = [];
    const stream = generatorDataset(
      async function* (epoch) {
        calls.push(epoch);
        for (let i = 0; i < 40; i++) {
          yield { input: f32([4], x.data.subarray(4 * i, 4 * i + 4)), target: f32([1], [y.data[i]!]) };
        }
      },
      { size: 40, input: { dtype: 'f32', shape: [4] }, target: { dtype: 'f32', shape: [1] } },
    );
    const options = { epochs: 3, optimizer, loss: mseLoss(), metrics: [meanAbsoluteError()] };
    const own = regression();
    await collect(fit(own, { train: stream }, options));
    expect(calls).toEqual([1, 0, 2, 0, 3, 0]);
    const inMemory = regression();
    const ordered = { ...tensorDataset(x, y), isSequential: true };
    await collect(fit(inMemory, { train: ordered }, options));
    expect(differing(own.variables, inMemory.variables)).toEqual([]);
  });

  test('a transform is drawn anew in every epoch, and the seed decides it', async () => {
    const seen: number[] = [];
    const run = async (seed: number) => {
      const own = regression();
      await collect(
        fit(
          own,
          { train: tensorDataset(x, y) },
          {
            ...{ epochs: 2, optimizer, loss: mseLoss(), metrics: [], seed, batchSize: 40 },
            transform: (batch, { random }) => {
              const noise = random.normal();
              seen.push(noise);
              return {
                ...batch,
                inputs: f32(
                  batch.inputs.shape,
                  numbers(batch.inputs).map((value) => value + noise),
                ),
              };
            },
          },
        ),
      );
      return own.variables;
    };
    const [first, again, other] = [await run(1), await run(1), await run(2)];
    expect(differing(first, again)).toEqual([]);
    expect(differing(first, other).length).toBe(2);
    expect(new Set(seen.slice(0, 2)).size).toBe(2);
  });

  test('wrong data is told apart', () => {
    expect(() => tensorDataset(x, [1, 2])).toThrow(OptionError);
    expect(() => randomSplit(tensorDataset(x, y), { validation: 0 })).toThrow(OptionError);
    expect(subset(tensorDataset(points, labels), [4, 2]).labels).toEqual([1, 2]);
    expect(tensorDataset(x, i64([40], new Array<number>(40).fill(0))).target).toEqual({ dtype: 'i64', shape: [] });
  });
});
