import { input, type Value } from '@graft-ml/core/graph';
import { randomStream } from '@graft-ml/core/internal/base/random';
import { i64, sizeOf, type TensorOf, type Tensors, tensor, zeros } from '@graft-ml/core/internal/base/tensor';
import { imageNetwork } from '@graft-ml/core/internal/fit/network';
import { scalarName, slotName, variablesOf } from '@graft-ml/core/internal/fit/step';
import type { Episode, EpisodeShape, EpisodeSource } from '@graft-ml/core/internal/meta/episode';
import { gradientName, type MetaTask, metaCourse, taskNames, tasksHere } from '@graft-ml/core/internal/meta/index';
import { conv4 } from '@graft-ml/core/internal/models/conv4';
import type { Preprocessing } from '@graft-ml/core/internal/models/index';
import { inSequence, type ParallelProgram } from '@graft-ml/core/internal/runtime/index';
import { feedsOfEpisode, learnerVariables, makeLearner, taskShape, trainingGraph } from '@graft-ml/core/meta';
import { crossEntropy, initialise } from '@graft-ml/core/nn';
import { adam, sgd } from '@graft-ml/core/optim';
import { type Runtime, State, scalar } from '@graft-ml/core/runtime';
import { createRuntime, openProgramPool } from 'graft-ml/internal/runtime/index';
import type { Contender } from './harness.ts';
import { stackedFeeds, taskAxisGraph } from './task-axis.ts';

/** A step of meta-training on conv-4. */
export interface MetaStepOptions {
  readonly threads: number;
  readonly tasks: number;
  readonly shape: EpisodeShape;
  readonly innerSteps: number;
  readonly order: 1 | 2;
  readonly filters: number;
  readonly halving: 'max-pool' | 'stride';
  /** Default MAML. */
  readonly learner?: 'maml' | 'protonet';
  /** The side of an image in pixels. Default 28. */
  readonly side?: number;
}

const innerRate = 0.01;
const half = [0.5, 0.5, 0.5] as const;
const optimizer = adam();

/** The same with the network, the learner and the first values of all that it keeps. */
export type MetaStepWork = ReturnType<typeof metaStepWork>;

export function metaStepWork(options: MetaStepOptions) {
  const { filters, halving, shape, innerSteps, learner: name = 'maml', side = 28 } = options;
  const preprocessing: Preprocessing = { resize: side, crop: side, interpolation: 'bilinear', mean: half, std: half };
  // Prototypes are means of the backbone's features.
  const network = imageNetwork(conv4({ filters, halving }), preprocessing, name === 'protonet' ? 0 : shape.way);
  const parameters = [...variablesOf(network).values()].filter(({ kind }) => kind === 'parameter');
  const learner = makeLearner(name, {
    parameters: parameters.map(({ name }) => name),
    isHead: (name) => name.startsWith('fc.'),
    innerSteps,
    innerRate,
    innerOptimizer: sgd({ momentum: 0 }),
    statistics: 'batch',
    loss: crossEntropy,
  });
  const variables = learnerVariables(network, learner);
  return {
    ...{ ...options, side, preprocessing, network, parameters, learner, variables },
    initial: initialise(variables.values(), 0),
  };
}

/** A form of the tasks' gradients, and how many seconds it took to be there. */
export interface Form {
  readonly program: ParallelProgram;
  readonly seconds: { readonly graph: number; readonly encode: number; readonly sessions: number };
}

/** `graph` is built and encoded twice, because lowerings are timed once in a machine's life and not counted here. */
async function open(
  graph: () => Record<string, Value>,
  runtime: Runtime,
  sessions: (outputs: Record<string, Value>) => Promise<ParallelProgram>,
): Promise<Form> {
  await runtime.encode(graph());
  const times = [performance.now()];
  const outputs = graph();
  times.push(performance.now());
  await runtime.encode(outputs);
  times.push(performance.now());
  const program = await sessions(outputs);
  times.push(performance.now());
  const [built, encoded, opened] = times.slice(1).map((time, i) => (time - times[i]!) / 1000);
  // `sessions` encodes once more.
  return { program, seconds: { graph: built!, encode: encoded!, sessions: Math.max(0, opened! - encoded!) } };
}

/** The gradient of one task, which is run for each. */
export function ofOneTask({ network, learner, shape, parameters, order }: MetaStepWork): Record<string, Value> {
  const trained = parameters.map(({ name }) => name);
  return trainingGraph(network, learner, taskShape(shape), { trained, outer: { order, everyStep: false } });
}

/** The mean gradient of all tasks. */
function ofAllTasks({ parameters, shape, preprocessing, ...work }: MetaStepWork): Record<string, Value> {
  return taskAxisGraph(new Map(parameters.map(({ name, shape: of }) => [name, input(name, 'f32', of)])), {
    ...work,
    ...taskShape(shape),
    ...{ innerRate, normalisation: preprocessing },
  });
}

/** The tasks of a step in parallel, as Graft does them. */
export function sessionsInWorkers(work: MetaStepWork): Promise<Form> {
  const runtime = createRuntime({ threads: 1 });
  return open(
    () => ofOneTask(work),
    runtime,
    async (outputs) =>
      openProgramPool(await runtime.encode(outputs), {
        ...{ threads: work.threads, atOnce: work.tasks, shared: work.variables.keys() },
      }),
  );
}

/** The forms by name; each takes memory from when it is opened. */
export function formsOf(work: MetaStepWork): Readonly<Record<string, () => Promise<Form>>> {
  const { threads } = work;
  return {
    'sessions of one thread in workers': () => sessionsInWorkers(work),
    'one session with all threads': () => {
      const runtime = createRuntime({ threads });
      return open(
        () => ofOneTask(work),
        runtime,
        async (outputs) => inSequence(await runtime.compile(outputs)),
      );
    },
    'a task axis in the graph': () => {
      const runtime = createRuntime({ threads });
      return open(
        () => ofAllTasks(work),
        runtime,
        async (outputs) => {
          const program = await runtime.compile(outputs);
          return {
            runAll: async (shared, feeds) => [await program.run({ ...shared, ...stackedFeeds(feeds) })],
            release: () => program.release(),
            [Symbol.asyncDispose]: () => program.release(),
          };
        },
      );
    },
  };
}

/** Random images in place of drawn ones: what is timed does not depend on them. */
export function episodes({ tasks, shape, side }: MetaStepWork): EpisodeSource {
  const known = Array.from({ length: tasks }, (_, task) => episodeOf(shape, side, task));
  return { classes: [], draw: (_shape, address) => known[Number(address.at(-1))]! };
}

function episodeOf(shape: EpisodeShape, side: number, task: number): Episode {
  const stream = randomStream(0, 'bench', task);
  const images = (count: number): TensorOf<'u8'> => {
    const of = [count, 3, side, side];
    return tensor(
      'u8',
      of,
      Uint8Array.from({ length: sizeOf(of) }, () => stream.integer(256)),
    );
  };
  const labels = (each: number) =>
    i64(
      [shape.way * each],
      Array.from({ length: shape.way * each }, (_, i) => Math.floor(i / each)),
    );
  return {
    support: images(shape.way * shape.shots),
    supportLabels: labels(shape.shots),
    query: images(shape.way * shape.queries),
    queryLabels: labels(shape.queries),
    classes: [],
  };
}

/** Steps as `graft meta train` takes them: the course of meta-training with this form for its tasks. */
export async function contenderOf(
  work: MetaStepWork,
  { program }: Pick<Form, 'program'>,
  onLoss: (loss: number) => void = () => {},
): Promise<Contender> {
  const { network, learner, shape, initial, parameters, order, tasks } = work;
  const drawn = episodes(work);
  const unused: ParallelProgram = {
    runAll: () => Promise.reject(new Error('nothing is tested')),
    release: async () => {},
    [Symbol.asyncDispose]: async () => {},
  };
  const course = metaCourse({
    ...{ network, learner, shape, initial, optimizer },
    phases: [{ name: 'maml', epochs: 1, outer: { order, everyStep: false } }],
    episodes: { train: drawn, validation: drawn },
    tasksPerStep: tasks,
    stepsPerEpoch: Number.MAX_SAFE_INTEGER,
    validationEpisodes: 0,
    testSteps: 0,
    schedule: () => 1e-3,
    settings: new Map(parameters.map(({ name }) => [name, { rate: 1 }])),
    ...{ average: null, patience: null, seed: 0 },
    tasks: tasksHere(async (outputs) => (taskNames.losses in outputs ? unused : program)),
  } satisfies MetaTask);
  const slots = parameters.flatMap(({ name, shape: of }) =>
    optimizer.slots.map((slot) => [slotName(slot, name), zeros('f32', of)] as const),
  );
  const state = new State({ ...initial, ...Object.fromEntries(slots) });
  const stage = await course.stages[0]!.open(initial, createRuntime({ threads: 1 }));
  const steps = stage.steps(1, 0)[Symbol.asyncIterator]();
  let taken = 0;
  const scalars = (): Tensors =>
    Object.fromEntries(
      Object.entries({ learningRate: 1e-3, ...optimizer.scalars(++taken) }).map(([name, value]) => [
        scalarName(name),
        scalar(value),
      ]),
    );
  return {
    versions: { node: process.version },
    close: () => stage.close(),
    async time(count) {
      const times: number[] = [];
      for (let i = 0; i < count; i++) {
        const begin = performance.now();
        const { value: step } = await steps.next();
        const { loss } = await step!(state, scalars());
        times.push(performance.now() - begin);
        onLoss(loss);
      }
      return times;
    },
  };
}

/** The mean gradient of the meta-batch from the first values, all parameters in one row. */
export async function gradientsOf(work: MetaStepWork, { program }: Form): Promise<Float64Array> {
  const { initial, parameters, shape, tasks } = work;
  const source = episodes(work);
  const results = await program.runAll(
    initial,
    Array.from({ length: tasks }, (_, task) => feedsOfEpisode(source.draw(shape, [task]))),
  );
  const all = parameters.flatMap(({ name, shape: of }) =>
    Array.from({ length: sizeOf(of) }, (_, i) =>
      results.reduce((sum, result) => sum + Number(result[gradientName(name)]!.data[i]) / results.length, 0),
    ),
  );
  return Float64Array.from(all);
}
