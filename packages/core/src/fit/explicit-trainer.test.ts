import { describe, expect, test } from 'vitest';
import { golden, relativeError, tolerance, withPrefix } from '../../../../test/golden.ts';
import { narrowModels } from '../../../../test/narrow-models.ts';
import { gaussian, numbers } from '../../../../test/run.ts';
import {
  classes,
  network,
  run,
  runtime,
  type Toy,
  taskOf,
  training,
  validation,
  width,
} from '../../../../test/toy-run.ts';
import { ShapeError, UserError } from '../base/errors.ts';
import { f32, i64, type Tensors, zeros } from '../base/tensor.ts';
import { applyModel } from '../models/index.ts';
import { crossEntropyLoss, initialise, linear, meanSquaredError } from '../nn/index.ts';
import { adamw, clipperOf, constant, type LearningRates, type Optimizer, optimizers, sgd } from '../optim/index.ts';
import { copy } from '../runtime/index.ts';
import { readSafetensors, writeSafetensors } from '../weights/safetensors.ts';
import { createTrainer, type Trainer, type TrainerOptions } from './explicit-trainer.ts';
import { fit } from './fit.ts';
import { createModel } from './model.ts';
import type { Batch } from './source.ts';
import { averageName, type Network, slotName, variablesOf } from './step.ts';

/** A model of a toy network, or of another. */
const makeModel = (of: Network = network, weights: Tensors = {}) =>
  createModel((s, x) => of.forward(s, x), { input: of.input, runtime: runtime(), seed: 3, weights });

const copied = (tensors: Tensors) =>
  Object.fromEntries(Object.entries(tensors).map(([name, value]) => [name, copy(value)]));

/** The batches of an epoch, as a run has them. */
async function batchesOf(epoch: number, batchSize = 8): Promise<Batch[]> {
  const batches: Batch[] = [];
  const order = taskOf().order(epoch);
  for await (const batch of training.batches({ batchSize, order, lastBatch: 'drop', epoch })) batches.push(batch);
  return batches;
}

/** As the runs of `taskOf`: weight decay applies to every parameter. */
const options: TrainerOptions = { optimizer: sgd({ momentum: 0.9 }), normDecay: true, seed: 3 };

async function takeSteps(trainer: Trainer, batches: readonly Batch[], learningRate = 0.05) {
  for (const batch of batches) await trainer.step(batch, { learningRate });
}

describe('a loop of one’s own ends in the bytes of a run', () => {
  const cases: Record<string, { toy: Toy; trainer: Partial<TrainerOptions> }> = {
    'SGD with momentum': { toy: { optimizer: sgd() }, trainer: { optimizer: sgd() } },
    'AdamW, clipped by norm': {
      toy: { optimizer: adamw(), clip: clipperOf({ norm: 0.5 }) },
      trainer: { optimizer: adamw(), clip: { norm: 0.5 } },
    },
    'moving averages': { toy: { optimizer: sgd(), average: 0.99 }, trainer: { optimizer: sgd(), average: 0.99 } },
  };
  test.each(Object.entries(cases))('%s', async (_name, { toy, trainer: changes }) => {
    const loss = crossEntropyLoss({ labelSmoothing: 0.1 });
    const { store } = await run(taskOf({ ...toy, loss, schedule: () => constant(0.05), epochs: 3 }));
    const model = makeModel();
    await using trainer = createTrainer(model, { ...options, loss, ...changes });
    for (const epoch of [1, 2, 3]) await takeSteps(trainer, await batchesOf(epoch));
    expect(trainer.state().tensors).toEqual(store.last!.tensors);
    expect(trainer.steps).toBe(15);
  });

  test('two batches gathered for every step', async () => {
    const loss = crossEntropyLoss();
    const task = taskOf({ optimizer: adamw(), loss, accumulate: 2, schedule: () => constant(0.05), epochs: 2 });
    const { store } = await run(task);
    await using trainer = createTrainer(makeModel(), { ...options, optimizer: adamw() });
    for (const epoch of [1, 2]) {
      const [a, b, c, d] = await batchesOf(epoch); // a fifth would be half a step, which a run leaves out
      for (const [first, second] of [[a!, b!] as const, [c!, d!] as const]) {
        await trainer.gather(first);
        await trainer.step(second, { learningRate: 0.05 });
      }
    }
    const expected = Object.entries(store.last!.tensors).filter(([name]) => !name.startsWith('sum/'));
    expect(trainer.state().tensors).toEqual(Object.fromEntries(expected));
  });
});

test('a loop with groups of learning rates and a schedule ends in the bytes of fit', async () => {
  const optimizer = adamw({ learningRate: 0.02, rates: { head: 0.05, bn: 0 } });
  const [epochs, batchSize, clip] = [3, 8, { value: 0.1 }];
  const [fitted, model] = [makeModel(), makeModel()];
  fitted.freeze('body.bias');
  model.freeze('body.bias');
  const rates: number[] = [];
  let last: Tensors = {};
  for await (const event of fit(
    fitted,
    { train: training, validation },
    { epochs, batchSize, optimizer, clip, seed: 3 },
  )) {
    if (event.kind === 'step') rates.push(event.learningRate);
    if (event.kind === 'evaluation') last = copied(fitted.variables);
  }
  await using trainer = createTrainer(model, { optimizer, clip, seed: 3 });
  for (let epoch = 1; epoch <= epochs; epoch++) {
    for await (const batch of trainer.batches(training, { epoch, batchSize })) {
      await trainer.step(batch, { learningRate: rates[trainer.steps]! });
    }
  }
  expect(new Set(rates).size).toBeGreaterThan(10);
  expect(model.variables).toEqual(last);
});

describe('equals PyTorch after three steps', () => {
  test.each(['conv4', 'resnet_basic'])('%s', async (name) => {
    const { tensors, metadata } = golden(`model-${name}`);
    const config = JSON.parse(metadata.config!);
    const images = tensors.input!;
    const narrow: Network = {
      input: { dtype: 'f32', shape: images.shape.slice(1) },
      forward: (s, x) => applyModel(narrowModels[name]!, s, x, { numClasses: config.numClasses }),
    };
    const initial = { ...initialise(variablesOf(narrow).values(), 0), ...withPrefix(tensors, 'init/') };
    for (const [key, { kind, learningRate, ...rest }] of Object.entries<{
      kind: 'sgd' | 'adamw';
      learningRate: number;
    }>(config.optimizers)) {
      const model = makeModel(narrow, initial);
      await using trainer = createTrainer(model, { optimizer: optimizers[kind](rest), normDecay: true });
      for (let i = 0; i < 3; i++) {
        const { loss } = await trainer.step({ inputs: images, targets: tensors.labels! }, { learningRate });
        if (i === 0) expect(relativeError(f32([], [loss]), tensors['train/loss']!)).toBeLessThan(tolerance.model);
      }
      for (const [parameter, reference] of Object.entries(withPrefix(tensors, `${key}/`))) {
        const floor = numbers(reference).some((value) => value !== 0) ? undefined : 0.01;
        expect(relativeError(model.variables[parameter]!, reference, floor), `${key} ${parameter}`).toBeLessThan(
          tolerance.model,
        );
      }
    }
  });
});

describe('freezing in the middle', () => {
  const adam = { ...options, optimizer: adamw() };

  test('a frozen parameter stays to the bit, and the others go on as if nothing had happened to their optimizer', async () => {
    const model = makeModel();
    await using trainer = createTrainer(model, adam);
    await takeSteps(trainer, await batchesOf(1));
    const before = trainer.state();
    model.freeze('body', 'bn');
    await takeSteps(trainer, await batchesOf(2));
    const after = trainer.state();
    for (const name of ['body.weight', 'body.bias', 'bn.weight', 'bn.bias', 'bn.running_mean', 'bn.running_var']) {
      expect(after.tensors[name], name).toEqual(before.tensors[name]);
    }
    for (const name of ['body.weight', 'bn.bias'].map((parameter) => slotName('mean', parameter))) {
      expect(after.tensors[name], name).toEqual(before.tensors[name]);
    }
    expect(after.tensors['head.weight']).not.toEqual(before.tensors['head.weight']);
    expect(after.counts).toEqual({
      'body.weight': 5,
      'body.bias': 5,
      'bn.weight': 5,
      'bn.bias': 5,
      'head.weight': 10,
      'head.bias': 10,
    });
  });

  test('what is frozen and unfrozen between two steps changes nothing', async () => {
    const [plain, changed] = [makeModel(), makeModel()];
    await using one = createTrainer(plain, adam);
    await using other = createTrainer(changed, adam);
    const batches = await batchesOf(1);
    await takeSteps(one, batches);
    await takeSteps(other, batches.slice(0, 2));
    changed.freeze('body');
    changed.unfreeze('body');
    await takeSteps(other, batches.slice(2));
    expect(other.state()).toEqual(one.state());
  });

  test('Adam counts the steps of each parameter: its first step is as long as the learning rate', async () => {
    const model = makeModel();
    model.freeze('body', 'bn');
    await using trainer = createTrainer(model, { ...options, optimizer: adamw({ weightDecay: 0 }) });
    await takeSteps(trainer, await batchesOf(1), 0.01);
    model.unfreeze('body');
    const before = copy(model.variables['body.weight']!);
    await takeSteps(trainer, (await batchesOf(2)).slice(0, 1), 0.01);
    const moved = numbers(model.variables['body.weight']).map((value, i) => Math.abs(value - numbers(before)[i]!));
    // Where a unit is dead, there is no gradient.
    const alive = moved.filter((distance) => distance > 0);
    expect(alive.length).toBeGreaterThan(moved.length / 2);
    for (const distance of alive) expect(distance).toBeCloseTo(0.01, 4);
  });

  test('with everything frozen there is nothing to do', async () => {
    const model = makeModel();
    await using trainer = createTrainer(model, adam);
    model.freeze('all');
    const [batch] = await batchesOf(1);
    await expect(trainer.step(batch!, { learningRate: 0.1 })).rejects.toThrow('every parameter is frozen');
  });

  test('not between gather and step', async () => {
    const model = makeModel();
    await using trainer = createTrainer(model, adam);
    const [first, second] = await batchesOf(1);
    await trainer.gather(first!);
    model.freeze('body');
    await expect(trainer.step(second!, { learningRate: 0.1 })).rejects.toThrow('not between gather and step');
    expect(() => trainer.state()).toThrow('gradients wait for their step');
  });
});

describe('learning rates', () => {
  test('of patterns: the first that means a parameter decides', async () => {
    const [batch] = await batchesOf(1);
    const plain: TrainerOptions = { ...options, optimizer: sgd({ momentum: 0 }) };
    const model = makeModel();
    const start = copied(model.variables);
    await using trainer = createTrainer(model, plain);
    await trainer.step(batch!, { learningRate: 0.1, rates: { head: 0.2 } });
    const other = makeModel();
    await using reference = createTrainer(other, plain);
    await reference.step(batch!, { learningRate: 0.1 });
    const way = (to: Tensors, name: string) => numbers(to[name]).map((value, i) => value - numbers(start[name])[i]!);
    expect(model.variables['body.weight']).toEqual(other.variables['body.weight']);
    way(model.variables, 'head.weight').forEach((distance, i) => {
      expect(distance).toBeCloseTo(2 * way(other.variables, 'head.weight')[i]!, 6);
    });
  });

  test('a rate of 0 leaves its parameters where they are', async () => {
    const model = makeModel();
    const start = copied(model.variables);
    await using trainer = createTrainer(model, options);
    for (const batch of await batchesOf(1)) await trainer.step(batch, { learningRate: 0.1, rates: { body: 0 } });
    expect(model.variables['body.weight']).toEqual(start['body.weight']);
    expect(model.variables['head.weight']).not.toEqual(start['head.weight']);
  });

  test('are the optimizer’s where nothing else is said; its groups go along in proportion', async () => {
    const own = { momentum: 0, learningRate: 0.1, rates: { head: 0.2 } };
    const [batch] = await batchesOf(1);
    const end = async (optimizer: Optimizer, rates: LearningRates) => {
      const model = makeModel();
      await using trainer = createTrainer(model, { ...options, optimizer });
      await trainer.step(batch!, rates);
      return copied(model.variables);
    };
    const plain = sgd({ momentum: 0 });
    expect(await end(sgd(own), {})).toEqual(await end(plain, { learningRate: 0.1, rates: { head: 0.2 } }));
    expect(await end(sgd(own), { learningRate: 0.05 })).toEqual(
      await end(plain, { learningRate: 0.05, rates: { head: 0.1 } }),
    );
    expect(await end(plain, {})).toEqual(await end(plain, { learningRate: optimizers.sgd.learningRate }));
    await expect(end({ ...plain, name: 'own' }, {})).rejects.toThrow(
      'optimizer.learningRate: expected a number above 0',
    );
    await expect(end(plain, { rates: { haed: 1 } })).rejects.toThrow('Did you mean "head"?');
  });

  test('the order of patterns decides, also after another order', async () => {
    const [batch] = await batchesOf(1);
    const model = makeModel();
    await using trainer = createTrainer(model, { ...options, optimizer: sgd({ momentum: 0 }) });
    await trainer.step(batch!, { rates: { head: 0.1, all: 0 } });
    const before = copied(model.variables);
    await trainer.step(batch!, { rates: { all: 0, head: 0.1 } });
    expect(model.variables['head.weight']).toEqual(before['head.weight']);
  });
});

test('the model has the new weights after every step', async () => {
  const model = makeModel();
  const start = copied(model.variables);
  await using trainer = createTrainer(model, options);
  const [batch] = await batchesOf(1);
  await trainer.step(batch!, { learningRate: 0.1 });
  expect(model.variables['head.weight']).not.toEqual(start['head.weight']);
  expect(Object.keys(model.variables)).toEqual(Object.keys(start));
});

test('weights that the model was given in the middle are trained from there', async () => {
  const [model, other] = [makeModel(), makeModel()];
  const plain: TrainerOptions = { ...options, optimizer: sgd({ momentum: 0 }) };
  const given = initialise(variablesOf(network).values(), 77);
  const batches = await batchesOf(1);
  await using trainer = createTrainer(model, plain);
  await takeSteps(trainer, batches.slice(0, 1));
  model.load(given);
  await takeSteps(trainer, batches.slice(1, 2));
  // Masks are drawn for the number of the batch.
  other.load(given);
  await using reference = createTrainer(other, plain);
  await reference.load({ ...reference.state(), batches: 1 });
  await takeSteps(reference, batches.slice(1, 2));
  expect(model.variables).toEqual(other.variables);
});

test('a loss of one’s own and targets of any shape, in batches of any size', async () => {
  const weight = [1, -2, 0.5];
  const line: Network = {
    input: { dtype: 'f32', shape: [3] },
    forward: (s, x) => linear(s.at('head'), x, { features: 1 }),
  };
  const batch = (size: number, seed: number): Batch => {
    const x = numbers(gaussian([3 * size], 'x', seed));
    const y = Array.from({ length: size }, (_, n) => weight.reduce((sum, w, i) => sum + w * x[3 * n + i]!, 0.25));
    return { inputs: f32([size, 3], x), targets: f32([size, 1], y) };
  };
  const model = makeModel(line);
  await using trainer = createTrainer(model, { optimizer: sgd({ momentum: 0.9 }), loss: meanSquaredError });
  let last = Number.POSITIVE_INFINITY;
  for (let step = 0; step < 200; step++) {
    const { loss, outputs } = await trainer.step(batch(step % 2 === 0 ? 8 : 5, step), { learningRate: 0.05 });
    expect(outputs.shape).toEqual([step % 2 === 0 ? 8 : 5, 1]);
    last = loss;
  }
  expect(last).toBeLessThan(1e-6);
  numbers(model.variables['head.weight']).forEach((value, i) => {
    expect(value).toBeCloseTo(weight[i]!, 2);
  });
});

describe('checkpoints by hand', () => {
  test('a loop goes on from one bit for bit', async () => {
    const own = { ...options, optimizer: adamw(), average: 0.9 };
    const [first, second] = [await batchesOf(1), await batchesOf(2)];
    await using whole = createTrainer(makeModel(), own);
    await takeSteps(whole, [...first, ...second]);
    await using begun = createTrainer(makeModel(), own);
    await takeSteps(begun, first);
    const { tensors: kept, ...counts } = begun.state();
    const file = writeSafetensors(kept, { trainer: JSON.stringify(counts) });
    const model = makeModel(network, initialise(variablesOf(network).values(), 99));
    await using resumed = createTrainer(model, own);
    const { tensors, metadata } = readSafetensors(file);
    await resumed.load({ tensors, ...JSON.parse(metadata.trainer!) });
    await takeSteps(resumed, second);
    expect(resumed.state()).toEqual(whole.state());
    expect(model.variables['head.weight']).toEqual(whole.state().tensors['head.weight']);
  });

  test('of another network is refused', async () => {
    await using trainer = createTrainer(makeModel(), options);
    const { tensors, ...state } = trainer.state();
    await expect(trainer.load({ ...state, tensors: { ...tensors, 'head.bias': zeros('f32', [7]) } })).rejects.toThrow(
      `load: head.bias is f32[${classes}] in the model, f32[7] in the checkpoint.`,
    );
  });
});

test('an evaluation is of the moving averages, where there are any', async () => {
  const model = makeModel();
  await using trainer = createTrainer(model, { ...options, average: 0.9 });
  for (const epoch of [1, 2, 3, 4]) await takeSteps(trainer, await batchesOf(epoch));
  const averaged = await trainer.evaluate(validation);
  const last = await trainer.evaluate(validation, { average: false });
  expect(averaged.accuracy).toBeGreaterThan(0.8);
  expect(averaged.loss).not.toBe(last.loss);
  expect(last).toEqual(await model.evaluate(validation));
  expect(averaged).toEqual(await makeModel(network, trainer.averages()).evaluate(validation));
  expect(trainer.averages()['head.weight']).toEqual(trainer.state().tensors[averageName('head.weight')]);
});

test('the batches of an epoch are of images only where the network says how it looks at them', async () => {
  await using trainer = createTrainer(makeModel(), options);
  const images = { size: 3, labels: [0, 1, 2], view: () => training };
  expect(() => trainer.batches(images, { epoch: 1 })).toThrow('how it looks at images');
});

describe('batches that do not fit', () => {
  const trainer = createTrainer(makeModel(), options);
  const inputs = zeros('f32', [4, width]);
  const targets = i64([4], [0, 1, 2, 0]);
  const refused: [string, Batch, new (...args: never[]) => Error, string][] = [
    [
      'inputs',
      { inputs: zeros('f32', [4, 7]), targets },
      ShapeError,
      `expected inputs f32[4,${width}], received f32[4,7]`,
    ],
    [
      'another number of targets',
      { inputs, targets: i64([3], [0, 1, 2]) },
      ShapeError,
      'expected 4 targets, received i64[3]',
    ],
    ['padding', { inputs, targets, weights: f32([4], [1, 1, 1, 0]) }, UserError, "lastBatch: 'drop'"],
  ];
  test.each(refused)('%s', async (_name, batch, kind, message) => {
    await expect(trainer.step(batch, { learningRate: 0.1 })).rejects.toThrow(kind);
    await expect(trainer.step(batch, { learningRate: 0.1 })).rejects.toThrow(message);
  });

  test('two calls at once', async () => {
    const first = trainer.step({ inputs, targets }, { learningRate: 0.1 });
    await expect(trainer.step({ inputs, targets }, { learningRate: 0.1 })).rejects.toThrow('Await it');
    await first;
    expect(trainer.steps).toBe(1);
  });
});
