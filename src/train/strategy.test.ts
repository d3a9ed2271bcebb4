import { describe, expect, test } from 'vitest';
import { compile, defaultChoices, gaussian, numbers } from '../../test/run.ts';
import { differing, memoryStore } from '../../test/training.ts';
import { i64, type Tensors, tensor } from '../base/tensor.ts';
import { grad } from '../grad/index.ts';
import { input } from '../graph/index.ts';
import { getModel } from '../models/index.ts';
import { crossEntropy, initialise, Scope } from '../nn/index.ts';
import { applyRules, constant, sgd } from '../optim/index.ts';
import { createRuntime } from '../runtime/node/index.ts';
import {
  evaluationStep,
  pictureNetwork,
  type Source,
  type StrategyName,
  strategies,
  type TrainingTask,
  train,
  trainingStep,
  variablesOf,
} from './index.ts';
import { feedNames } from './step.ts';

const model = getModel('conv4');
const network = pictureNetwork(model, model.preprocessing, 3);
const variables = variablesOf(network);
const names = [...variables.values()].filter(({ kind }) => kind === 'parameter').map(({ name }) => name);
const batch = {
  inputs: tensor(
    'u8',
    [4, 3, 28, 28],
    Uint8Array.from(numbers(gaussian([4, 3, 28, 28], 'pixels')), (x) => Math.max(0, 128 + 50 * x)),
  ),
  labels: i64([4], [0, 1, 2, 0]),
};

/** The same four pictures, in this order, whatever is asked for. */
const source: Source = {
  size: 4,
  async *batches() {
    yield { ...batch, weights: tensor('f32', [4], new Float32Array(4).fill(1)) };
  },
};

function taskOf(strategy: StrategyName, learningRate: number, epochs = 1): TrainingTask {
  return {
    network,
    training: source,
    validation: source,
    pretrained: {},
    rules: strategies[strategy].rules(model),
    optimizer: sgd({ momentum: 0 }),
    schedule: () => constant(learningRate),
    loss: {},
    batchNorm: strategies[strategy].batchNorm,
    epochs,
    batchSize: 4,
    seed: 5,
  };
}

/** What a run makes of the seed's first values. No lowering is chosen by timing. */
async function trained(task: TrainingTask): Promise<Tensors> {
  const settings = applyRules(names, task.rules);
  const graphs = [trainingStep(network, { ...task, settings }), evaluationStep(network, 4, 'running')];
  const choices = Object.assign({}, ...graphs.map(({ outputs }) => defaultChoices(outputs)));
  const store = memoryStore();
  for await (const _ of train(task, { runtime: createRuntime({ cache: null, threads: 1, choices }), store }));
  return store.last!.tensors;
}

/** The gradients at the first values, from a graph of their own. */
async function gradients(before: Tensors): Promise<Tensors> {
  const { scope, trace } = Scope.root({ training: true, batchNorm: 'running' });
  const logits = network.forward(scope, input(feedNames.input, 'u8', batch.inputs.shape));
  const loss = crossEntropy(logits, input(feedNames.labels, 'i64', [4]));
  const values = names.map((name) => trace.values.get(name)!);
  const outputs = Object.fromEntries(grad(loss, values).map((value, i) => [names[i]!, value]));
  const program = await compile(outputs);
  const results = await program.run({ ...before, [feedNames.input]: batch.inputs, [feedNames.labels]: batch.labels });
  await program.release();
  return results;
}

describe('learning rates', () => {
  test.each([
    ['full', 0.1],
    ['scratch', 1],
  ] as const)('%s: the head moves by the learning rate, the body by %f of it', async (strategy, bodyRate) => {
    const before = initialise(variables.values(), 5);
    const after = await trained(taskOf(strategy, 0.5));
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

describe('feature extraction on the whole network', () => {
  test('moves the head alone; batch norm keeps its statistics; after five epochs as after one', async () => {
    const before = initialise(variables.values(), 5);
    const after = await trained(taskOf('feature-extraction', 0.5, 5));
    expect(differing(before, after).sort()).toEqual(['fc.bias', 'fc.weight']);
  });

  test('every parameter of every strategy has a setting, and the head the highest rate', () => {
    for (const { rules } of Object.values(strategies)) {
      const settings = applyRules(names, rules(model));
      expect([...settings.keys()]).toEqual(names);
      const rates = [...settings.values()].map((setting) => setting?.rate ?? 0);
      expect(settings.get('fc.weight')!.rate).toBe(Math.max(...rates));
    }
  });
});
