import { createRuntime } from 'graft-ml/internal/runtime/index';
import { expect, test } from 'vitest';
import { network, tints } from '../../../../test/tints.ts';
import { differing, memoryStore } from '../../../../test/training.ts';
import type { Tensors } from '../base/tensor.ts';
import type { TrainEvent } from '../fit/events.ts';
import { variablesOf } from '../fit/step.ts';
import { runCourse } from '../fit/trainer.ts';
import { crossEntropy, initialise } from '../nn/index.ts';
import { adam, constant, sgd } from '../optim/index.ts';
import { inSequence } from '../runtime/index.ts';
import {
  type LearnerName,
  learnerVariables,
  type MetaTask,
  makeLearner,
  metaCourse,
  outerPhases,
  tasksHere,
} from './index.ts';

const parameters = [...variablesOf(network).keys()];

function taskOf(name: LearnerName, changes: Partial<MetaTask> = {}): MetaTask {
  const learner = makeLearner(name, {
    parameters,
    isHead: (parameter) => parameter.startsWith('fc.'),
    innerSteps: 2,
    innerRate: 0.3,
    innerOptimizer: sgd({ momentum: 0 }),
    statistics: 'batch',
    loss: crossEntropy,
  });
  const variables = learnerVariables(network, learner);
  return {
    network,
    learner,
    phases: outerPhases(name, { epochs: 4, innerSteps: 2, firstOrderEpochs: 1, multiStepEpochs: 2 }),
    episodes: { train: tints('train'), validation: tints('validation') },
    shape: { way: 3, shots: 2, queries: 4 },
    tasksPerStep: 2,
    stepsPerEpoch: 6,
    validationEpisodes: 10,
    testSteps: 3,
    initial: initialise(variables.values(), 1),
    optimizer: name === 'reptile' ? sgd({ momentum: 0 }) : adam(),
    schedule: constant(name === 'reptile' ? 0.5 : 0.02),
    settings: new Map([...variables.keys()].map((each) => [each, { rate: 1 }])),
    average: null,
    patience: null,
    seed: 5,
    tasks: tasksHere(async (outputs, { runtime }) => inSequence(await runtime.compile(outputs))),
    ...changes,
  };
}

const runtime = () => createRuntime({ cache: null, threads: 1 });

async function run(task: MetaTask, { stopAfter = Number.POSITIVE_INFINITY, from = memoryStore() } = {}) {
  const store = memoryStore();
  const controller = new AbortController();
  const events: TrainEvent[] = [];
  let steps = 0;
  const options = { runtime: runtime(), store, signal: controller.signal, ...(from.last && { resume: from.last }) };
  for await (const event of runCourse(metaCourse(task), options)) {
    events.push(event);
    if (event.kind === 'step' && ++steps >= stopAfter) controller.abort();
  }
  const stages = events.flatMap((event) => (event.kind === 'stage' ? [[event.name, event.epochs]] : []));
  const losses = events.flatMap((event) => (event.kind === 'evaluation' ? [event.loss] : []));
  return { store, stages, losses, end: store.last!.tensors };
}

test.each([
  ['maml', {}],
  ['fomaml', {}],
  ['anil', {}],
  ['boil', {}],
  ['meta-sgd', {}],
  ['reptile', { stepsPerEpoch: 30 }],
] as const)('%s: the queries of classes that were never seen get a lower loss', async (name, changes) => {
  const { losses } = await run(taskOf(name, changes));
  expect(losses).toHaveLength(4);
  expect(losses.at(-1)).toBeLessThan(0.9 * losses[0]!);
});

test('interrupted within an epoch, between two and at a change of phase, and resumed, it ends bit for bit the same', async () => {
  const whole = await run(taskOf('maml++'));
  for (const stopAfter of [3, 6, 13]) {
    const first = await run(taskOf('maml++'), { stopAfter });
    const rest = await run(taskOf('maml++'), { from: first.store });
    expect(differing(whole.end, rest.end), `after ${stopAfter} steps`).toEqual([]);
    expect(rest.store.last!.phase).toEqual(whole.store.last!.phase);
  }
});

test('MAML++ goes through its phases, and its rates are learned', async () => {
  const { stages, end } = await run(taskOf('maml++'));
  expect(stages).toEqual([
    ['first order, loss of every step', 1],
    ['second order, loss of every step', 1],
    ['second order, loss of the last step', 2],
  ]);
  const rates = [...end['inner-rate/fc.weight']!.data];
  expect(rates).toHaveLength(2);
  for (const rate of rates) expect(rate).not.toBeCloseTo(0.3, 4);
});

test('what the outer loop holds is never moved by it, and is adapted all the same', async () => {
  const frozen = (each: string) => each.startsWith('body.');
  const settings = new Map(parameters.map((each) => [each, frozen(each) ? null : { rate: 1 }] as const));
  const task = taskOf('maml', { settings });
  const { end, losses } = await run(task);
  const moved: Tensors = Object.fromEntries(parameters.map((each) => [each, end[each]!]));
  expect(differing(moved, task.initial)).toEqual(parameters.filter((each) => !frozen(each)));
  expect(losses.at(-1)).toBeLessThan(losses[0]!);
});

test('the seed decides the episodes', async () => {
  const [one, same, other] = [
    await run(taskOf('anil')),
    await run(taskOf('anil')),
    await run(taskOf('anil', { seed: 6 })),
  ];
  expect(same.losses).toEqual(one.losses);
  expect(other.losses).not.toEqual(one.losses);
});
