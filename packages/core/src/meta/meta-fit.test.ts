import { createRuntime } from 'graft-ml/internal/runtime/index';
import { describe, expect, test } from 'vitest';
import { network, tints } from '../../../../test/tints.ts';
import { collect, differing, memoryStore } from '../../../../test/training.ts';
import { OptionError } from '../base/errors.ts';
import { createModel } from '../fit/model.ts';
import { runCourse } from '../fit/trainer.ts';
import { crossEntropy } from '../nn/index.ts';
import { adam, constant, sgd } from '../optim/index.ts';
import { inSequence } from '../runtime/index.ts';
import { type LearnerName, makeLearner, metaCourse, outerPhases, tasksHere } from './index.ts';
import { type MetaFitOptions, metaFit } from './meta-fit.ts';
import { learnerVariables } from './task-graph.ts';

const runtime = createRuntime({ cache: null, threads: 1 });
const data = { train: tints('train'), validation: tints('validation') };
const newModel = () => createModel(network.forward, { input: network.input, runtime, seed: 1, head: 'fc' });
const options = {
  ...{ way: 3, shots: 2, queries: 4, innerSteps: 2, innerRate: 0.3, epochs: 4, stepsPerEpoch: 6 },
  ...{ tasksPerStep: 2, validationEpisodes: 10, testSteps: 3, optimizer: adam({ learningRate: 0.02 }), seed: 5 },
} as const satisfies MetaFitOptions;

describe.each(['maml', 'boil', 'maml++', 'reptile'] as const)('%s by name', (name) => {
  const choice = name === 'reptile' ? { optimizer: sgd({ learningRate: 0.5, momentum: 0 }), stepsPerEpoch: 30 } : {};

  test('gets a lower loss on classes that it never saw; the model ends as the best epoch left it', async () => {
    const [model, store] = [newModel(), memoryStore()];
    const events = await collect(metaFit(model, data, { ...options, ...choice, learner: name, store }));
    const losses = events.flatMap((event) => (event.kind === 'evaluation' ? [event.loss] : []));
    expect(losses).toHaveLength(4);
    expect(losses.at(-1)).toBeLessThan(0.9 * losses[0]!);
    const own = Object.entries(store.best!.tensors).filter(([each]) => each in model.variables);
    expect(differing(model.variables, Object.fromEntries(own))).toEqual([]);
  });
});

/** The same, made of the parts of the library below. */
function course(name: LearnerName) {
  const learner = madeLearner(name);
  const { variables: initial } = newModel();
  return metaCourse({
    ...options,
    network,
    learner,
    phases: outerPhases(name, { epochs: 4, innerSteps: 2, firstOrderEpochs: 0, multiStepEpochs: 0 }),
    episodes: data,
    shape: options,
    initial,
    schedule: constant(0.02),
    settings: new Map(
      [...learnerVariables(network, learner).values()].map(({ name: each, shape }) => [
        each,
        { rate: 1, weightDecay: shape.length > 1 ? 1 : 0 },
      ]),
    ),
    average: null,
    patience: null,
    tasks: tasksHere(async (outputs, tasks) => inSequence(await tasks.runtime.compile(outputs))),
  });
}

function madeLearner(name: LearnerName) {
  return makeLearner(name, {
    parameters: [...newModel().table.parameters.keys()],
    isHead: (parameter) => parameter.startsWith('fc.'),
    innerSteps: 2,
    innerRate: 0.3,
    innerOptimizer: sgd({ momentum: 0 }),
    statistics: 'batch',
    loss: crossEntropy,
  });
}

test.each(['maml', 'boil'] as const)(
  '%s by name and made by hand ends in the bytes of the course that it stands for',
  async (name) => {
    const [named, made, whole] = [memoryStore(), memoryStore(), memoryStore()];
    await collect(metaFit(newModel(), data, { ...options, learner: name, store: named }));
    await collect(metaFit(newModel(), data, { ...options, learner: madeLearner(name), store: made }));
    await collect(runCourse(course(name), { runtime, store: whole }));
    for (const store of [named, made]) {
      expect(differing(store.last!.tensors, whole.last!.tensors)).toEqual([]);
      expect(differing(store.best!.tensors, whole.best!.tensors)).toEqual([]);
      expect(store.last!.phase).toEqual(whole.last!.phase);
    }
  },
);

test('interrupted after its best epoch and resumed from its store, it ends bit for bit the same', async () => {
  const boil = { ...options, learner: 'boil' } as const;
  const [model, whole] = [newModel(), memoryStore()];
  await collect(metaFit(model, data, { ...boil, store: whole }));
  expect(whole.best!.epoch).toBe(1); // so that the best epoch is over at step 9, amid the second

  const [kept, controller] = [memoryStore(), new AbortController()];
  let steps = 0;
  for await (const { kind } of metaFit(newModel(), data, { ...boil, store: kept, signal: controller.signal })) {
    if (kind === 'step' && ++steps === 9) controller.abort();
  }
  expect(kept.last!.phase).toMatchObject({ epoch: 1, step: 9 - 6 });

  const resumed = newModel();
  const load = async () => ({ ...kept.last!, best: kept.best!.tensors });
  await collect(metaFit(resumed, data, { ...boil, store: { ...kept, load }, resume: true }));
  expect(kept.last!.phase).toEqual(whole.last!.phase);
  expect(differing(kept.last!.tensors, whole.last!.tensors)).toEqual([]);
  expect(differing(resumed.variables, model.variables)).toEqual([]);
});

test('a baseline is not trained, and another name is no learner', () => {
  const unknown = { learner: 'mamel' } as unknown as MetaFitOptions;
  expect(() => metaFit(newModel(), data, unknown)).toThrow(OptionError);
  expect(() => metaFit(newModel(), data, unknown)).toThrow('Did you mean "maml"?');
  expect(() => metaFit(newModel(), data, { learner: 'nearest-centroid' })).toThrow(OptionError);
});
