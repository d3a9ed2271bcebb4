import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { sizeOf, type TensorOf, type Tensors, zeros } from '@graft-ml/core/internal/base/tensor';
import { version } from '@graft-ml/core/internal/base/version';
import { imageNetwork } from '@graft-ml/core/internal/fit/network';
import { labelTensor } from '@graft-ml/core/internal/fit/source';
import { variablesOf } from '@graft-ml/core/internal/fit/step';
import type { ImageDecoder } from '@graft-ml/core/internal/image/decoder';
import { distanceBetween, farApart, inverted, statisticsOf } from '@graft-ml/core/internal/image/image-statistics';
import { contentKey, encodeSeen, seenAfter, seenOf } from '@graft-ml/core/internal/image/seen';
import { isByFeatures, learners } from '@graft-ml/core/internal/meta/learners';
import { linearOf } from '@graft-ml/core/internal/meta/prototypes';
import { adaptationGraph, prototypeGraph, type TaskShape, taskNames } from '@graft-ml/core/internal/meta/task-graph';
import { resolveConfig, trainConfigSchema } from '@graft-ml/core/internal/recipe/config/index';
import type { Warning } from '@graft-ml/core/internal/recipe/guard-rails';
import type { NamedArchitecture, Preprocessing } from '@graft-ml/core/models';
import { initialise } from '@graft-ml/core/nn';
import type { Runtime } from '@graft-ml/core/runtime';
import { withLayers } from '../checkpoint/backbone.ts';
import { describeCheckpoint } from '../checkpoint/pretrained.ts';
import { type Dataset, type DatasetImage, fingerprint, imagesOf, openDataset } from '../data/dataset.ts';
import { openImagePool } from '../data/decoder-pool.ts';
import type { ImagePool } from '../data/image-pool.ts';
import type { ShapeOptions } from '../data/readers/found.ts';
import type { FolderCache } from '../files/cache-folder.ts';
import type { CheckpointName } from '../runs/checkpoints.ts';
import { newRecord, type Run } from '../runs/run-file.ts';
import { RunFolder, refuseOut } from '../runs/run-folder.ts';
import { type OpenRunStore, openRunStore } from '../runs/run-store.ts';
import { ortVersion } from '../runtime/index.ts';
import type { Preparation } from '../transfer/prepare.ts';
import { openFeatures } from './baseline.ts';
import { readMetaRun } from './meta-run.ts';
import { type OpenLearner, openLearner } from './open-learner.ts';
import { taskRuntime } from './prepare-meta.ts';
import { startFolder } from './starts.ts';

export interface AdaptMetaOptions extends ShapeOptions {
  /** Folder levels that make a class name. Default 1. */
  readonly classDepth?: number | undefined;
  /** The run folder to write: an ordinary one. */
  readonly out: string;
  readonly overwrite?: boolean;
  /** Which state of the run of meta-learning. Default: `best`. */
  readonly checkpoint?: CheckpointName | undefined;
  /** Images of each class to learn from. Default: all there are, but those in val/ and test/. */
  readonly shots?: number | undefined;
  /** Inner steps; default: the run's `testSteps`, and at least 10 where there are more classes than it was trained on. */
  readonly steps?: number | undefined;
  readonly onPreparation?: ((progress: Preparation) => void) | undefined;
  /** Where what can be computed again is kept. Default: `defaultCache()`; null: nowhere. */
  readonly cache?: FolderCache | null | undefined;
  /** Who decodes images: a pool, or a program's own. It stays its owner's. Default: threads of this process's, opened and closed. */
  readonly decoder?: ImageDecoder | undefined;
  /** How the files of the run folder are written. Default: as plain files in it. */
  readonly openStore?: OpenRunStore | undefined;
  /** Gives up, with the signal's reason, as long as nothing is written. */
  readonly signal?: AbortSignal | undefined;
}

/** What was adapted to what. */
export interface Adapted {
  readonly out: string;
  readonly run: Run;
  readonly learner: string;
  /** Inner steps that were taken; null for a learner that takes none. */
  readonly steps: number | null;
  readonly folder: Dataset;
  /** What had to be done to the head, a sentence each. */
  readonly notes: readonly string[];
}

/**
 * Fits a run of meta-learning, or a start that comes with Graft, to the classes of a folder, by a few images of each, and writes an ordinary run, which can be looked at,
 * evaluated and exported like one that was trained. Single images can be classified: the running statistics of batch norms are those
 * of the support under the adapted parameters. A learner that goes by class means becomes a linear layer.
 *
 * @throws UserError where the run, the images or the place for the new run cannot be had, or the head cannot be made to fit
 */
export async function adaptMeta(start: string, folder: string, options: AdaptMetaOptions): Promise<Adapted> {
  const path = startFolder(start);
  const {
    out,
    overwrite = false,
    checkpoint = 'best',
    shots,
    steps,
    onPreparation,
    signal,
    openStore,
    cache,
    decoder,
    ...shape
  } = options;
  const { seed } = (await readMetaRun(path)).config;
  await refuseOut(out, { overwrite });
  const pool = openImagePool(decoder);
  try {
    const whole = await openDataset(folder, {
      ...shape,
      ...(shots !== undefined && { maxPerClass: shots }),
      ...{ validationFraction: 0, seed, pool, cache },
      onProgress: (done, total) => onPreparation?.({ stage: 'checking images', done, total }),
    });
    signal?.throwIfAborted();
    const opened = await openLearner(path, whole.classes.length, checkpoint);
    const { config, preprocessing } = opened;
    const { dataset, left } = leavingChosen(whole, opened);
    const runtime = taskRuntime(config.device, { choices: opened.run.choices, cache, onPreparation });
    const support = await readSupport(dataset.train, preprocessing, pool);
    signal?.throwIfAborted();
    const taken = steps ?? stepsFor(config, dataset.classes.length);
    const { model, head, tensors } = isByFeatures(learners[config.learner])
      ? await withMeans(opened, support, dataset, runtime)
      : { model: opened.model, head: null, tensors: await adapted(opened, support, dataset, runtime, taken!) };
    const own = {
      ...{ validationFraction: 0, maxPerClass: shots ?? null, head },
      ...Object.fromEntries(Object.entries(shape).filter(([, value]) => value !== undefined)),
    };
    const warnings = unlikeStart(start, opened, support);
    const run = { ...(await describeAdapted(path, dataset, opened, runtime, { own, model, checkpoint })), warnings };
    const parts = {
      description: describeCheckpoint(
        model,
        dataset.classes,
        preprocessing,
        seenAfter(opened.seen, 'meta adapt', { fitted: dataset.train.map(contentKey), chosen: [] }),
      ),
      initial: complete(model, preprocessing, dataset, tensors),
      onnx: opened.onnx,
    };
    await setImmediate(); // ORT blocks this thread: what came meanwhile is heard now
    signal?.throwIfAborted();
    await writeRun(new RunFolder(out, run, { ...parts, openStore }), overwrite);
    return {
      out,
      run,
      learner: config.learner,
      steps: taken,
      folder: dataset,
      notes: [...dataset.notes, ...opened.notes, ...left, ...warnings.map(({ message }) => message)],
    };
  } finally {
    await pool.close();
  }
}

/**
 * What was learned with fixed labels was validated on a part of these very images. They are not learned from now either: else nothing
 * would be left that could say how good this run, or one that goes on from it, is.
 */
function leavingChosen(dataset: Dataset, { config, seen }: OpenLearner): { dataset: Dataset; left: string[] } {
  const isLeft = (image: DatasetImage) =>
    config.fixedLabels && seen?.chosen.has(contentKey(image)) && !seen.fitted.has(contentKey(image));
  const [train, validation] = [dataset.train.filter((image) => !isLeft(image)), dataset.train.filter(isLeft)];
  const hasAll = new Set(train.map(({ label }) => label)).size === dataset.classes.length;
  if (validation.length === 0 || !hasAll) return { dataset, left: [] };
  return {
    dataset: { ...dataset, train, validation: [...dataset.validation, ...validation] },
    left: [
      `${validation.length} images that the start was validated with are not learned from: they are left to validate with.`,
    ],
  };
}

/** A start knows what it was learned on: of images of another kind its features say little. */
function unlikeStart(start: string, { images }: OpenLearner, support: TensorOf<'u8'>): Warning[] {
  if (!images) return [];
  const own = statisticsOf(support);
  const distance = distanceBetween(images, own);
  if (distance < farApart) return [];
  const isNegative = distanceBetween(images, inverted(own)) < farApart;
  const advice = isNegative
    ? 'As negatives they would be alike: invert them.'
    : 'Expect little of it: adapt a start that was learned on such images, or train from pretrained weights (`trainFolder(folder)`).';
  const message =
    `These images are unlike those that ${start} was learned on: by brightness and colour they are ${distance.toFixed(2)} apart, on a ` +
    `scale where images of one kind are within ${farApart}. ${advice}`;
  return [{ kind: 'far-from-start', message }];
}

/** With more classes than in training they all begin alike, and the run's own number of steps is too few to tell them apart. */
function stepsFor({ testSteps, way }: OpenLearner['config'], classes: number): number | null {
  return testSteps !== null && classes > way ? Math.max(10, testSteps) : testSteps;
}

/** (n, 3, crop, crop) as evaluation sees them. */
async function readSupport(
  images: readonly DatasetImage[],
  preprocessing: Preprocessing,
  pool: ImagePool,
): Promise<TensorOf<'u8'>> {
  const { crop } = preprocessing;
  const views = await Promise.all(images.map((image) => pool.view(image, { kind: 'evaluation', preprocessing }, crop)));
  const support = zeros('u8', [images.length, 3, crop, crop]);
  views.forEach((view, i) => {
    support.data.set(view, i * view.length);
  });
  return support;
}

function supportFeeds(support: TensorOf<'u8'>, { train }: Dataset): Tensors {
  return { [taskNames.support]: support, [taskNames.supportLabels]: labelTensor(train.map(({ label }) => label)) };
}

/** Labels are not drawn here, so there are no queries. */
function shapeOf({ classes, train }: Dataset): TaskShape {
  return { way: classes.length, support: train.length, queries: 1 };
}

/** The network after the inner loop. */
async function adapted(
  { network, learner, values }: OpenLearner,
  support: TensorOf<'u8'>,
  dataset: Dataset,
  runtime: Runtime,
  steps: number,
): Promise<Tensors> {
  if (learner.kind === 'prototypes') throw new Error(`adapted: ${learner.name} has no inner loop`);
  const program = await runtime.compile(adaptationGraph(network, learner, shapeOf(dataset), steps));
  try {
    return await program.run({ ...values, ...supportFeeds(support, dataset) });
  } finally {
    await program.release();
  }
}

/** One linear layer on the averaged features, whatever the model's own head is. */
const linearHead = 'dropout=0';

/** The network as it is, with what the support says of each class as its head. */
async function withMeans(
  opened: OpenLearner,
  support: TensorOf<'u8'>,
  dataset: Dataset,
  runtime: Runtime,
): Promise<{ model: NamedArchitecture; head: string; tensors: Tensors }> {
  const { network, learner, values, config } = opened;
  const model = withLayers(opened.model, linearHead);
  const at = `${model.headPath}.1`;
  const entry = learners[config.learner];
  if (entry.kind === 'baseline') {
    const features = await openFeatures(network, values, { runtime, threads: 1 });
    const labels = dataset.train.map(({ label }) => label);
    const { weight, bias } = entry.fitHead({ features: await features.of(support), labels });
    await features.close();
    return { model, head: linearHead, tensors: { ...values, [`${at}.weight`]: weight, [`${at}.bias`]: bias } };
  }
  if (learner.kind !== 'prototypes') throw new Error(`withMeans: ${learner.name} has an inner loop`);
  const { prototypes, ...renewed } = prototypeGraph(network, learner, shapeOf(dataset));
  const { weight, bias } = linearOf(prototypes!);
  const program = await runtime.compile({ ...renewed, [`${at}.weight`]: weight, [`${at}.bias`]: bias });
  try {
    const results = await program.run({ ...values, ...supportFeeds(support, dataset) });
    return { model, head: linearHead, tensors: { ...values, ...results } };
  } finally {
    await program.release();
  }
}

/** The variables of the network that is written, and no others; what training alone needs (an auxiliary head) begins anew. */
function complete(
  model: NamedArchitecture,
  preprocessing: Preprocessing,
  { classes }: Dataset,
  tensors: Tensors,
): Tensors {
  const variables = [...variablesOf(imageNetwork(model, preprocessing, classes.length)).values()];
  const missing = variables.filter(({ name }) => !(name in tensors));
  const known = variables.flatMap(({ name }) => (tensors[name] ? [[name, tensors[name]] as const] : []));
  return { ...initialise(missing, 0), ...Object.fromEntries(known) };
}

async function writeRun(store: RunFolder, overwrite: boolean): Promise<void> {
  try {
    await store.createWhole({ overwrite });
  } finally {
    await store.release();
  }
}

/** `run.json` of an ordinary run, with what it was adapted from. */
async function describeAdapted(
  path: string,
  dataset: Dataset,
  { config, preprocessing, learner, network, seen }: OpenLearner,
  runtime: Runtime,
  {
    own,
    model,
    checkpoint,
  }: { readonly own: object; readonly model: NamedArchitecture; readonly checkpoint: CheckpointName },
): Promise<Run> {
  const { imageSize, mean, std, colourProfile, orientation, seed, device } = config;
  const parameters = [...variablesOf(imageNetwork(model, preprocessing, dataset.classes.length)).values()];
  const count = (kept: (name: string) => boolean) =>
    parameters.reduce(
      (sum, { name, kind, shape }) => sum + (kind === 'parameter' && kept(name) ? sizeOf(shape) : 0),
      0,
    );
  const isAdapted = (name: string) =>
    learner.kind === 'prototypes' ? !variablesOf(network).has(name) : (learner.rates.get(name) ?? 0) > 0;
  return {
    graft: version,
    kind: 'train',
    status: 'running',
    config: resolveConfig(
      trainConfigSchema.parse({
        ...{ model: config.model, strategy: 'scratch', imageSize, mean, std, colourProfile, orientation, seed, device },
        ...own,
      }),
    ),
    weightsSha256: createHash('sha256')
      .update(await openRunStore(path).read(`${checkpoint}.safetensors`))
      .digest('hex'),
    folder: resolve(dataset.root),
    classes: [...dataset.classes],
    preprocessing: { ...preprocessing, mean: [...preprocessing.mean], std: [...preprocessing.std] },
    batchNorm: learner.statistics === 'running' ? 'frozen' : 'running',
    dataset: {
      fingerprint: fingerprint(dataset),
      train: dataset.train.length,
      validation: dataset.validation.length,
      test: dataset.test.length,
      leftOut: dataset.problems.map(({ path: at, kind }) => ({ path: at, kind })),
    },
    parameters: { total: count(() => true), trained: count(isAdapted) },
    warnings: [],
    decision: null,
    adaptedFrom: resolve(path),
    before: seen && encodeSeen(seenOf(seen, imagesOf(dataset).map(contentKey))),
    versions: { node: process.versions.node, onnxruntime: ortVersion() },
    device: runtime.device,
    threads: 1,
    choices: { ...runtime.choices },
    addedEpochs: 0,
    ...newRecord,
  };
}
