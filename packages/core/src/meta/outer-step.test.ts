import { createRuntime, openProgramPool } from 'graft-ml/internal/runtime/index';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bitsOf, conv4Network, madeTask, maml, parametersOf, start } from '../../../../test/meta.ts';
import { defaultChoices, numbers } from '../../../../test/run.ts';
import { memoryStore } from '../../../../test/training.ts';
import type { Tensor, Tensors } from '../base/tensor.ts';
import { runCourse } from '../fit/trainer.ts';
import { constant, sgd } from '../optim/index.ts';
import type { ParallelProgram } from '../runtime/index.ts';
import type { Episode, EpisodeSource } from './episode.ts';
import {
  type CompileTasks,
  gradientName,
  type MetaTask,
  metaCourse,
  taskNames,
  taskShape,
  tasksHere,
  trainingGraph,
} from './index.ts';

const shape = { way: 3, shots: 2, queries: 3 };
const network = conv4Network(4, shape.way);
const parameters = parametersOf(network);
const initial = start(network);
const outer = { order: 2, everyStep: false } as const;
const learner = maml(network, { innerSteps: 1 });
const outputs = trainingGraph(network, learner, taskShape(shape), { trained: parameters, outer });
const runtime = createRuntime({ cache: null, threads: 1, choices: defaultChoices(outputs) });

/** The episode with the number that the address ends in, of as many as there are tasks in a step. */
const episode = (i: number) => madeTask(taskShape(shape), i);
const source: EpisodeSource = {
  classes: ['a', 'b', 'c'],
  draw(_shape, address) {
    const feeds = episode(Number(address.at(-1)));
    return {
      support: feeds[taskNames.support],
      supportLabels: feeds[taskNames.supportLabels],
      query: feeds[taskNames.query],
      queryLabels: feeds[taskNames.queryLabels],
      classes: this.classes,
    } as Episode;
  },
};

/** The start after one outer step of gradient descent at rate 1: less the mean gradient. */
async function afterOneStep(tasksPerStep: number, parallel: CompileTasks): Promise<Tensors> {
  const task: MetaTask = {
    network,
    learner,
    shape,
    tasksPerStep,
    initial,
    tasks: tasksHere(parallel),
    phases: [{ name: 'maml', epochs: 1, outer }],
    episodes: { train: source, validation: source },
    stepsPerEpoch: 1,
    validationEpisodes: 1,
    testSteps: 1,
    optimizer: sgd({ momentum: 0 }),
    schedule: constant(1),
    settings: new Map(parameters.map((name) => [name, { rate: 1 }])),
    average: null,
    patience: null,
    seed: 0,
  };
  const store = memoryStore();
  for await (const _ of runCourse(metaCourse(task), { runtime, store })) {
    // Only the end counts.
  }
  return store.last!.tensors;
}

const inThreads =
  (threads: number): CompileTasks =>
  async (graph, { shared, atOnce }) =>
    openProgramPool(await runtime.encode(graph), { threads, atOnce, shared });

let alone: ParallelProgram;
beforeAll(async () => {
  alone = await openProgramPool(await runtime.encode(outputs), { threads: 1, shared: Object.keys(initial) });
});
afterAll(() => alone.release());

test('a step on two tasks moves by the mean of their gradients', async () => {
  const [first, second] = await alone.runAll(initial, [episode(0), episode(1)]);
  const after = await afterOneStep(2, inThreads(2));
  for (const name of parameters) {
    const [a, b] = [first, second].map((gradients) => numbers(gradients![gradientName(name)]));
    const expected = numbers(initial[name]).map((x, i) => x - (a![i]! + b![i]!) / 2);
    const largest = Math.max(...expected.map(Math.abs));
    numbers(after[name]).forEach((x, i) => {
      expect(Math.abs(x - expected[i]!), name).toBeLessThanOrEqual(1e-6 * largest);
    });
  }
});

test('how many threads there are changes no bit of it', async () => {
  const one = await afterOneStep(4, inThreads(1));
  for (const threads of [2, 3]) {
    const many = await afterOneStep(4, inThreads(threads));
    const differing = parameters.filter((name) => Buffer.compare(bitsOf(one[name]!), bitsOf(many[name]!)) !== 0);
    expect(differing).toEqual([]);
  }
});

test('nor does the place of a task among the others change its gradient', async () => {
  const gradients = async (order: readonly number[]): Promise<Tensor[]> => {
    const results = await alone.runAll(initial, order.map(episode));
    return order.map((_, task) => results[order.indexOf(task)]![gradientName('layer1.conv.weight')]!);
  };
  expect(await gradients([2, 0, 3, 1])).toEqual(await gradients([0, 1, 2, 3]));
});
