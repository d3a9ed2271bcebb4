import { createRuntime } from 'graft-ml/internal/runtime/index';
import { describe, expect, test } from 'vitest';
import { compile, defaultChoices, gaussian, numbers } from '../../../../test/run.ts';
import { differing, type MemoryStore, memoryStore } from '../../../../test/training.ts';
import { i64, type Tensors, tensor } from '../base/tensor.ts';
import { grad } from '../grad/index.ts';
import { input } from '../graph/index.ts';
import { getModel } from '../models/index.ts';
import { crossEntropy, crossEntropyLoss, initialise, Scope } from '../nn/index.ts';
import { sgd } from '../optim/index.ts';
import { parseConfig, resolveConfig, type TrainConfigInput } from '../recipe/config/index.ts';
import { planOf } from '../recipe/plan.ts';
import type { Choices } from '../runtime/index.ts';
import { accuracy } from './metrics.ts';
import { imageNetwork, parameterTable } from './network.ts';
import type { Source } from './source.ts';
import { stepSettings } from './stage.ts';
import { evaluationStep, feedNames, trainingStep, variablesOf } from './step.ts';
import type { TrainingStage, TrainingTask } from './task.ts';
import { train } from './trainer.ts';

const model = getModel('conv4');
const network = imageNetwork(model, model.preprocessing, 3);
const variables = variablesOf(network);
const names = [...variables.values()].filter(({ kind }) => kind === 'parameter').map(({ name }) => name);
const batch = {
  inputs: tensor(
    'u8',
    [4, 3, 28, 28],
    Uint8Array.from(numbers(gaussian([4, 3, 28, 28], 'pixels')), (x) => Math.max(0, 128 + 50 * x)),
  ),
  targets: i64([4], [0, 1, 2, 0]),
};

/** The same four images, in this order, whatever is asked for. */
const source: Source = {
  size: 4,
  async *batches() {
    yield { ...batch, weights: tensor('f32', [4], new Float32Array(4).fill(1)) };
  },
};

const table = parameterTable(network, model);

/** A task by the options of a run, without momentum, at a constant learning rate. Every epoch is one step. */
function taskOf(config: TrainConfigInput, changes: Partial<TrainingTask> = {}): TrainingTask {
  const resolved = resolveConfig(parseConfig({ model: 'conv4', weights: 'x', ...config }));
  const open = async () => ({ training: source, validation: source, close: async () => {} });
  return {
    stages: planOf(resolved, table).map((stage): TrainingStage => {
      return { ...stage, network, schedule: () => resolved.learningRate, open };
    }),
    initial: initialise(variables.values(), 5),
    stepsPerEpoch: 1,
    warmup: 0,
    optimizer: sgd({ momentum: 0 }),
    loss: crossEntropyLoss(),
    metrics: [accuracy()],
    batchNorm: resolved.batchNorm,
    batchSize: 4,
    accumulate: 1,
    order: () => [0, 1, 2, 3],
    average: null,
    patience: null,
    seed: 5,
    ...changes,
  };
}

/** The first lowering of everything, so that none is chosen by timing. */
function choicesOf(task: TrainingTask): Choices {
  const graphs = task.stages.flatMap((stage, i) => [
    trainingStep(stage.network, { ...task, average: task.average !== null, settings: stepSettings(task.stages, i) }),
    evaluationStep(stage.network, { batchSize: 4, batchNorm: 'running', loss: crossEntropyLoss() }),
  ]);
  return Object.assign({}, ...graphs.map(({ outputs }) => defaultChoices(outputs)));
}

/** What a run makes of the seed's first values. No lowering is chosen by timing. */
async function trained(task: TrainingTask, resume?: NonNullable<MemoryStore['last']>): Promise<MemoryStore> {
  const store = memoryStore();
  const runtime = createRuntime({ cache: null, threads: 1, choices: choicesOf(task) });
  for await (const _ of train(task, { runtime, store, ...(resume && { resume }) }));
  return store;
}

/** The gradients at the first values, from a graph of their own. */
async function gradients(before: Tensors): Promise<Tensors> {
  const { scope, trace } = Scope.root({ training: true, batchNorm: 'running' });
  const logits = network.forward(scope, input(feedNames.input, 'u8', batch.inputs.shape));
  const loss = crossEntropy(logits, input(feedNames.targets, 'i64', [4]));
  const values = names.map((name) => trace.values.get(name)!);
  const outputs = Object.fromEntries(grad(loss, values).map((value, i) => [names[i]!, value]));
  const program = await compile(outputs);
  const results = await program.run({ ...before, [feedNames.input]: batch.inputs, [feedNames.targets]: batch.targets });
  await program.release();
  return results;
}

/** The variables, without what the optimizer keeps. */
const variablesIn = (tensors: Tensors) =>
  Object.fromEntries(Object.entries(tensors).filter(([name]) => variables.has(name)));

describe('learning rates', () => {
  test.each([
    ['full', 0.1],
    ['scratch', 1],
  ] as const)('%s: the head moves by the learning rate, the body by %f of it', async (strategy, bodyRate) => {
    const before = initialise(variables.values(), 5);
    const weights = strategy === 'scratch' ? null : 'x';
    const store = await trained(taskOf({ strategy, weights, learningRate: 0.5, epochs: 1, normDecay: true }));
    const after = store.last!.tensors;
    const gradient = await gradients(before);
    for (const name of names) {
      const rate = 0.5 * (name.startsWith('fc.') ? 1 : bodyRate);
      const [p, q, g] = [before, after, gradient].map((tensors) => numbers(tensors[name]));
      const error = Math.max(...p!.map((value, i) => Math.abs(value - rate * g![i]! - q![i]!)));
      const largest = Math.max(...p!.map(Math.abs), ...g!.map(Math.abs));
      expect(error, name).toBeLessThan(1e-6 * Math.max(largest, 1e-2));
    }
    expect(differing(before, after).sort()).toEqual([...variables.keys()].sort());
  });
});

describe('frozen means frozen', () => {
  test('feature extraction moves the head alone; batch norm keeps its statistics; after five epochs as after one', async () => {
    const before = initialise(variables.values(), 5);
    const { last } = await trained(taskOf({ strategy: 'feature-extraction', learningRate: 0.5, epochs: 5 }));
    expect(differing(before, variablesIn(last!.tensors)).sort()).toEqual(['fc.bias', 'fc.weight']);
  });

  test('gradual unfreezing moves each layer from its epoch on, with its running statistics, and not before', async () => {
    const schedule = {
      strategy: 'gradual',
      epochs: 8,
      unfreeze: [
        { epoch: 0, train: ['head'] },
        { epoch: 2, train: ['layer4'] },
        { epoch: 4, train: ['layer3'] },
        { epoch: 6, train: ['all'] },
      ],
    } as const;
    const from = { fc: 0, layer4: 2, layer3: 4, layer2: 6, layer1: 6 };
    let before: Tensors = initialise(variables.values(), 5);
    const moved: Record<string, number[]> = Object.fromEntries(Object.keys(from).map((path) => [path, []]));
    for (let epoch = 0; epoch < 8; epoch++) {
      const after = variablesIn((await trainedUntil(taskOf({ ...schedule, learningRate: 0.3 }), epoch + 1)).tensors);
      const changed = differing(before, { ...before, ...after });
      for (const path of Object.keys(from)) {
        const own = [...variables.keys()].filter((name) => name.startsWith(`${path}.`));
        const count = own.filter((name) => changed.includes(name)).length;
        expect([0, own.length], `${path} in epoch ${epoch}: ${count} of ${own.length}`).toContain(count);
        if (count > 0) moved[path]!.push(epoch);
      }
      before = { ...before, ...after };
    }
    for (const [path, first] of Object.entries(from)) {
      expect(moved[path], path).toEqual(Array.from({ length: 8 - first }, (_, i) => first + i));
    }
  });
});

/** The state after so many epochs, by stopping there. */
async function trainedUntil(task: TrainingTask, epochs: number) {
  const store = memoryStore();
  const runtime = createRuntime({ cache: null, threads: 1, choices: choicesOf(task) });
  for await (const event of train(task, { runtime, store })) {
    if (event.kind === 'evaluation' && event.epoch === epochs) break;
  }
  return store.last!;
}
