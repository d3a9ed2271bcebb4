import { randomStream } from '../src/base/random.ts';
import { type Tensor, type Tensors, tensor } from '../src/base/tensor.ts';
import {
  createPicturePool,
  type Dataset,
  type Episode,
  type EpisodeShape,
  type EpisodeSource,
  openDataset,
} from '../src/data/index.ts';
import {
  adaptationGraph,
  type LearnerName,
  makeLearner,
  metaCourse,
  outerPhases,
  taskNames,
  taskShape,
  trainingGraph,
} from '../src/meta/index.ts';
import { getModel, type Preprocessing } from '../src/models/index.ts';
import { crossEntropy, initialise } from '../src/nn/index.ts';
import { countFlops } from '../src/ops/index.ts';
import { adam, constant, sgd } from '../src/optim/index.ts';
import { copy } from '../src/runtime/index.ts';
import { createRuntime, openProgramPool } from '../src/runtime/node/index.ts';
import {
  evaluationStep,
  feedNames,
  follow,
  parameterTable,
  pictureNetwork,
  resultNames,
  variablesOf,
} from '../src/train/index.ts';
import { describeCheckpoint } from '../src/train/node/index.ts';
import { writeSafetensorsFile } from '../src/weights/index.ts';

export interface PhaseOneOptions {
  readonly model: string;
  /** Side of the pictures, in pixels. */
  readonly side: number;
  readonly learner: LearnerName;
  readonly shots: number;
  readonly queries: number;
  readonly innerSteps: number;
  readonly innerRate: number;
  readonly tasksPerStep: number;
  readonly metaSteps: number;
  readonly threads: number;
  readonly seed: number;
  /** The checkpoint to write. */
  readonly out: string;
}

export interface PhaseOne {
  /** On the validation pictures, as it is written. */
  readonly accuracy: number;
  readonly seconds: number;
  /** Of one meta-step: forward, inner steps, and back through them. */
  readonly flopsPerStep: number;
}

/**
 * Meta-learning on subsets of a data set: each episode has a few training pictures of every class, and a class has the same label in
 * all of them, so that the head is learned too. What is written has taken the inner steps on one more such subset, which also gives
 * its batch norms the running statistics that meta-learning has no use for.
 */
export async function phaseOne(folder: string, options: PhaseOneOptions): Promise<PhaseOne> {
  const { side, shots, queries, innerSteps, innerRate, threads, seed, out } = options;
  const began = performance.now();
  const model = getModel(options.model);
  const preprocessing: Preprocessing = { ...model.preprocessing, resize: side, crop: side };
  const { dataset, training, validation } = await readPictures(folder, preprocessing);
  const classes = dataset.classes.length;
  const network = pictureNetwork(model, preprocessing, classes);
  const variables = variablesOf(network);
  const { parameters, head } = parameterTable(network, model);
  const learner = makeLearner(options.learner, {
    ...{ innerSteps, innerRate, innerOptimizer: sgd(), statistics: 'batch' },
    parameters: [...parameters.keys()],
    isHead: (name) => head.has(name),
    loss: (logits, labels) => crossEntropy(logits, labels),
  });
  if (learner.kind === 'prototypes') throw new Error('phaseOne: prototypes have no head to transfer');
  const shape: EpisodeShape = { way: classes, shots, queries };
  const source = subsets(dataset.classes, training, side, seed);
  const phases = outerPhases(options.learner, {
    ...{ epochs: 1, innerSteps, firstOrderEpochs: 0, multiStepEpochs: 0 },
  });
  const runtime = createRuntime({ threads: 1 });
  let values: Record<string, Tensor> = {};
  const course = metaCourse({
    ...{ network, learner, phases, shape, seed },
    episodes: { train: source, validation: source },
    ...{ tasksPerStep: options.tasksPerStep, stepsPerEpoch: options.metaSteps },
    ...{ validationEpisodes: 1, testSteps: innerSteps, optimizer: adam(), schedule: constant(0.001) },
    initial: initialise(variables.values(), seed),
    settings: new Map([...parameters.keys()].map((name) => [name, { rate: 1 }])),
    ...{ average: null, patience: null },
    parallel: async (outputs, shared, own) => openProgramPool(await own.encode(outputs), { threads, shared }),
  });
  const store = {
    record: async () => {},
    saveLast: async (tensors: Tensors) => {
      values = Object.fromEntries([...variables.keys()].map((name) => [name, copy(tensors[name]!)]));
    },
    saveBest: async () => {},
  };
  for await (const _ of follow(course, { runtime, store }));

  const subset = source.draw({ ...shape, queries: 1 }, [seed, 'adapt']);
  const adapting = await runtime.compile(
    adaptationGraph(network, learner, taskShape({ ...shape, queries: 1 }), innerSteps),
  );
  const adapted = await adapting.run({
    ...values,
    [taskNames.support]: subset.support,
    [taskNames.supportLabels]: subset.supportLabels,
  });
  await adapting.release();
  const tensors = { ...values, ...adapted };
  await writeSafetensorsFile(out, tensors, describeCheckpoint(model, dataset.classes, preprocessing));
  const seconds = (performance.now() - began) / 1000;

  const pictures = { tensors, side, count: dataset.validation.length };
  const evaluating = await runtime.compile(evaluationStep(network, pictures.count, 'running').outputs);
  const results = await evaluating.run({
    ...tensors,
    [feedNames.input]: tensor('u8', [pictures.count, 3, side, side], concatenated(validation)),
    [feedNames.labels]: labelsOf(dataset.validation.map(({ label }) => label)),
    [feedNames.weights]: tensor('f32', [pictures.count], new Float32Array(pictures.count).fill(1)),
  });
  await evaluating.release();
  const outer = phases[0]!.outer;
  const task = trainingGraph(network, learner, taskShape(shape), { trained: parameters.keys(), outer });
  return {
    accuracy: Number(results[resultNames.correct]!.data[0]) / pictures.count,
    seconds,
    flopsPerStep: options.tasksPerStep * countFlops(Object.values(task)).total,
  };
}

/** The pictures of a folder with `train/` and `val/`, decoded once: of each class, and in the order of the data set. */
async function readPictures(folder: string, preprocessing: Preprocessing) {
  const pool = createPicturePool();
  try {
    const dataset: Dataset = await openDataset(folder, { pool });
    const read = (pictures: Dataset['train']) =>
      Promise.all(
        pictures.map((picture) => pool.view(picture, { kind: 'evaluation', preprocessing }, preprocessing.crop)),
      );
    const [train, validation] = [await read(dataset.train), await read(dataset.validation)];
    const training = dataset.classes.map((_, label) => train.filter((_, i) => dataset.train[i]!.label === label));
    return { dataset, training, validation };
  } finally {
    await pool.close();
  }
}

/** Episodes of all classes under their own labels; only the pictures are drawn. */
function subsets(
  classes: readonly string[],
  pictures: readonly (readonly Uint8Array[])[],
  side: number,
  seed: number,
): EpisodeSource {
  const draw = ({ shots, queries }: EpisodeShape, address: readonly (string | number)[]): Episode => {
    const stream = randomStream(seed, 'subset', ...address);
    const drawn = pictures.map((own) => stream.shuffle(own).slice(0, shots + queries));
    const part = (from: number, to: number) => {
      const chosen = drawn.flatMap((own) => own.slice(from, to));
      return tensor('u8', [chosen.length, 3, side, side], concatenated(chosen));
    };
    const labels = (each: number) => labelsOf(classes.flatMap((_, label) => new Array<number>(each).fill(label)));
    return {
      support: part(0, shots),
      supportLabels: labels(shots),
      query: part(shots, shots + queries),
      queryLabels: labels(queries),
      classes,
    };
  };
  return { classes, draw };
}

function concatenated(pictures: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const size = pictures[0]?.length ?? 0;
  const all = new Uint8Array(pictures.length * size);
  pictures.forEach((picture, i) => {
    all.set(picture, i * size);
  });
  return all;
}

const labelsOf = (labels: readonly number[]) => tensor('i64', [labels.length], BigInt64Array.from(labels, BigInt));
