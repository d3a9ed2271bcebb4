/*
 * A step of meta-training (MAML on conv-4, 28 px, 5-way) in three forms, beside PyTorch and learn2learn, all in turn in one run:
 *   npm run build && node dist/bench/meta-step.js --python PATH [--blocks 7] [--repetitions 2] [--threads 2]
 *     [--filters 32] [--shots 5] [--queries 15] [--steps 5] [--tasks 4] [--stride] [--first-order] [--name meta-step]
 * PATH has PyTorch and, to be compared with, learn2learn (see peer/maml.py). Results go to bench/results/NAME.json.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { env } from 'onnxruntime-node';
import { randomStream } from '../src/base/random.ts';
import { i64, sizeOf, type TensorOf, type Tensors, tensor, zeros } from '../src/base/tensor.ts';
import type { Episode, EpisodeShape, EpisodeSource } from '../src/data/index.ts';
import { input, type Value } from '../src/graph/index.ts';
import {
  feedsOfEpisode,
  gradientName,
  learnerVariables,
  type MetaTask,
  makeLearner,
  metaCourse,
  taskNames,
  taskShape,
  trainingGraph,
} from '../src/meta/index.ts';
import { conv4 } from '../src/models/conv4.ts';
import { crossEntropy, initialise } from '../src/nn/index.ts';
import { adam, sgd } from '../src/optim/index.ts';
import { inSequence, type ParallelProgram, type Runtime, State, scalar } from '../src/runtime/index.ts';
import { createRuntime, openProgramPool } from '../src/runtime/node/index.ts';
import { pictureNetwork, variablesOf } from '../src/train/index.ts';
import { scalarName, slotName } from '../src/train/step.ts';
import { type Contender, median, takeTurns } from './harness.ts';
import { type Peer, startPeer } from './peer.ts';
import { stackedFeeds, taskAxisGraph } from './task-axis.ts';

const { values: options } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    blocks: { type: 'string', default: '7' },
    repetitions: { type: 'string', default: '2' },
    threads: { type: 'string', default: String(availableParallelism()) },
    filters: { type: 'string', default: '32' },
    shots: { type: 'string', default: '5' },
    queries: { type: 'string', default: '15' },
    steps: { type: 'string', default: '5' },
    tasks: { type: 'string', default: '4' },
    stride: { type: 'boolean', default: false },
    'first-order': { type: 'boolean', default: false },
    name: { type: 'string', default: 'meta-step' },
  },
});
const [threads, tasks, innerSteps] = [Number(options.threads), Number(options.tasks), Number(options.steps)];
const shape: EpisodeShape = { way: 5, shots: Number(options.shots), queries: Number(options.queries) };
const [side, innerRate] = [28, 0.01];
const halving = options.stride ? 'stride' : 'max-pool';
const order = options['first-order'] ? 1 : 2;
const preprocessing = {
  resize: side,
  crop: side,
  interpolation: 'bilinear',
  mean: [0.5, 0.5, 0.5],
  std: [0.5, 0.5, 0.5],
} as const;

const network = pictureNetwork(conv4({ filters: Number(options.filters), halving }), preprocessing, shape.way);
const parameters = [...variablesOf(network).values()].filter(({ kind }) => kind === 'parameter');
const learner = makeLearner('maml', {
  parameters: parameters.map(({ name }) => name),
  isHead: (name) => name.startsWith('fc.'),
  innerSteps,
  innerRate,
  innerOptimizer: sgd({ momentum: 0 }),
  statistics: 'batch',
  loss: crossEntropy,
});
const variables = learnerVariables(network, learner);
const initial = initialise(variables.values(), 0);
const optimizer = adam();

/** A form of the tasks' gradients, and how long it took to be there, in milliseconds. */
interface Form {
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

const ofOneTask = () =>
  trainingGraph(network, learner, taskShape(shape), {
    trained: parameters.map(({ name }) => name),
    outer: { order, everyStep: false },
  });

const ofAllTasks = () =>
  taskAxisGraph(new Map(parameters.map(({ name, shape: of }) => [name, input(name, 'f32', of)])), {
    ...taskShape(shape),
    ...{ tasks, side, halving, innerSteps, innerRate, order, normalisation: preprocessing },
  });

const forms: Readonly<Record<string, () => Promise<Form>>> = {
  'sessions of one thread in workers': () => {
    const runtime = createRuntime({ threads: 1 });
    return open(ofOneTask, runtime, async (outputs) =>
      openProgramPool(await runtime.encode(outputs), { threads, shared: variables.keys() }),
    );
  },
  'one session with all threads': () => {
    const runtime = createRuntime({ threads });
    return open(ofOneTask, runtime, async (outputs) => inSequence(await runtime.compile(outputs)));
  },
  'a task axis in the graph': () => {
    const runtime = createRuntime({ threads });
    return open(ofAllTasks, runtime, async (outputs) => {
      const program = await runtime.compile(outputs);
      return {
        runAll: async (shared, feeds) => [await program.run({ ...shared, ...stackedFeeds(feeds) })],
        release: () => program.release(),
      };
    });
  },
};

/** Random pictures in place of drawn ones: what is timed does not depend on them. */
function episodes(): EpisodeSource {
  const known = Array.from({ length: tasks }, (_, task) => episodeOf(task));
  return { classes: [], draw: (_shape, address) => known[Number(address.at(-1))]! };
}

function episodeOf(task: number): Episode {
  const stream = randomStream(0, 'bench', task);
  const pictures = (count: number): TensorOf<'u8'> => {
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
    support: pictures(shape.way * shape.shots),
    supportLabels: labels(shape.shots),
    query: pictures(shape.way * shape.queries),
    queryLabels: labels(shape.queries),
    classes: [],
  };
}

/** Steps as `graft meta train` takes them: the course of meta-training with this form for its tasks. */
async function contender({ program }: Form): Promise<Contender> {
  const drawn = episodes();
  const unused: ParallelProgram = {
    runAll: () => Promise.reject(new Error('nothing is tested')),
    release: async () => {},
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
    parallel: async (outputs) => (taskNames.losses in outputs ? unused : program),
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
        await step!(state, scalars());
        times.push(performance.now() - begin);
      }
      return times;
    },
  };
}

/** How far the mean gradient of a form is from the first one's, relative to its length. */
async function gradientsOf({ program }: Form): Promise<Float64Array> {
  const source = episodes();
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

const lengthOf = (values: Float64Array) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));

async function startPeers(): Promise<Peer | undefined> {
  const { filters, shots, queries, stride } = options;
  const flags = { filters, shots, queries, steps: options.steps, tasks: options.tasks, threads: options.threads };
  try {
    return await startPeer(options.python, 'maml.py', [
      ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]),
      ...(stride ? ['--stride'] : []),
      ...(order === 1 ? ['--first-order'] : []),
    ]);
  } catch (error) {
    console.log(`Graft alone: to compare, give a Python with PyTorch, --python PATH. (${(error as Error).message})`);
    return undefined;
  }
}

const load = loadavg()[0]!;
const pool = options.stride ? 'stride 2' : 'max-pool';
const work =
  `one outer step of MAML, ${order === 2 ? 'second' : 'first'} order: conv-4, ${options.filters} filters, ${pool}, ${side} px; ` +
  `5-way ${shape.shots}-shot, ${shape.queries} queries of each class, ${innerSteps} inner steps, ${tasks} tasks, Adam; ${threads} threads`;
console.log(work);
if (load > 1) console.log(`The machine is busy (load ${load.toFixed(1)}): repeat this when it is not.`);

const contenders: Record<string, Contender> = {};
const ours: Record<string, Form['seconds'] & { difference: number }> = {};
let first: Float64Array | undefined;
for (const [name, make] of Object.entries(forms)) {
  const form = await make();
  const gradients = await gradientsOf(form);
  first ??= gradients;
  const difference = lengthOf(gradients.map((value, i) => value - first![i]!)) / lengthOf(first);
  ours[name] = { ...form.seconds, difference };
  contenders[name] = await contender(form);
}
const peer = await startPeers();
const peerNames = (peer?.versions.named ?? []) as string[];
for (const name of peerNames) contenders[name] = peer!.named(name);

const milliseconds = await takeTurns(contenders, {
  repetitions: Number(options.repetitions),
  blocks: Number(options.blocks),
});
for (const contestant of Object.values(contenders)) await contestant.close();
await peer?.close();

const ratioTo = (name: string, other: string) =>
  median(milliseconds[name]!.map((block, i) => median(block) / median(milliseconds[other]![i]!)));
const summary = Object.fromEntries(
  Object.keys(contenders).map((name) => [
    name,
    {
      median: median(milliseconds[name]!.flat()),
      fastest: Math.min(...milliseconds[name]!.flat()),
      ratios: Object.fromEntries(peerNames.map((other) => [other, ratioTo(name, other)])),
      ...ours[name],
    },
  ]),
);

console.log(
  `| | median ms | fastest ms |${peerNames.map((name) => ` / ${name} |`).join('')} graph, encode, sessions: s |`,
);
console.log(`|---|---|---|${peerNames.map(() => '---|').join('')}---|`);
for (const [name, { median: middle, fastest, ratios, ...made }] of Object.entries(summary)) {
  const shares = Object.values(ratios).map((ratio) => ` ${ratio.toFixed(2)} |`);
  const start =
    made.graph === undefined ? '' : [made.graph, made.encode!, made.sessions!].map((s) => s.toFixed(2)).join(', ');
  console.log(`| ${name} | ${middle.toFixed(0)} | ${fastest.toFixed(0)} |${shares.join('')} ${start} |`);
}

const machine = `${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${process.platform} ${process.arch}`;
const versions = { node: process.version, onnxruntime: env.versions.node, ...peer?.versions };
const record = { name: options.name, work, date: new Date().toISOString(), machine, threads, load, versions, summary };
mkdirSync('bench/results', { recursive: true });
writeFileSync(`bench/results/${options.name}.json`, `${JSON.stringify({ ...record, milliseconds }, null, 1)}\n`);
