import { plural } from '../base/plural.ts';
import { sizeOf, type TensorOf } from '../base/tensor.ts';
import { version } from '../base/version.ts';
import { imageNetwork } from '../fit/network.ts';
import { variablesOf } from '../fit/step.ts';
import type { DatasetParts, ImageDataset, ImageRecord } from '../image/dataset.ts';
import { distanceBetween, farApart, inverted, statisticsOf } from '../image/image-statistics.ts';
import { contentKey, encodeSeen, seenAfter, seenOf } from '../image/seen.ts';
import { isByFeatures, learners } from '../meta/learners.ts';
import type { CompileTasks } from '../meta/task-program.ts';
import type { HeadLayers } from '../models/index.ts';
import type { NamedArchitecture } from '../models/model.ts';
import { resolveConfig, trainConfigSchema } from '../recipe/config/index.ts';
import type { Warning } from '../recipe/guard-rails.ts';
import type { Runtime } from '../runtime/index.ts';
import { describeCheckpoint } from '../weights/checkpoint.ts';
import { adapted, complete, withMeans } from './adapted-tensors.ts';
import { describeDataset } from './describe-run.ts';
import type { Adaptable } from './open-learner.ts';
import { contentsOf } from './prepared.ts';
import { newRecord, type Run, type RunVersions } from './run-file.ts';
import type { RunParts } from './run-folder.ts';

/** A learner that is to be adapted to the images of a dataset. */
export interface Adaptation {
  /** The start's name, for messages. */
  readonly start: string;
  readonly opened: Adaptable;
  readonly dataset: ImageDataset;
  /** The identity of the dataset's content. */
  readonly fingerprint: string;
  /** The images to learn from, u8 (n, 3, crop, crop), in the order of `dataset.train`. */
  readonly support: TensorOf<'u8'>;
  /** Inner steps. Default: the run's own, and at least 10 where there are more classes than it was trained on. */
  readonly steps: number | undefined;
  readonly runtime: Runtime;
  readonly parallel: CompileTasks;
  /** Options of the new run's configuration besides those of the start. */
  readonly own: object;
  /** The places that the new run notes, and the digest of the start's checkpoint. */
  readonly noted: Pick<Run, 'folder' | 'adaptedFrom' | 'weightsSha256'>;
  readonly versions: RunVersions;
}

/** An adapted learner, as an ordinary run that is to be written. */
export interface AdaptedRun {
  readonly run: Run;
  readonly parts: Pick<RunParts, 'description' | 'initial' | 'onnx'>;
  /** Inner steps that were taken; null for a learner that takes none. */
  readonly steps: number | null;
}

/**
 * Fits a learner to the classes of a dataset. Single images can be classified then: the running statistics of batch
 * norms are those of the support under the adapted parameters. A learner that goes by class means becomes a linear
 * layer.
 */
export async function adaptLearner(order: Adaptation): Promise<AdaptedRun> {
  const { start, opened, dataset, support, runtime, parallel } = order;
  const { config, preprocessing } = opened;
  const taken = order.steps ?? stepsFor(config, dataset.classes.length);
  const { model, head, tensors } = isByFeatures(learners[config.learner])
    ? await withMeans(opened, support, dataset, runtime, parallel)
    : { model: opened.model, head: null, tensors: await adapted(opened, support, dataset, runtime, taken!) };
  const seen = seenAfter(opened.seen, 'meta adapt', { fitted: dataset.train.map(contentKey), chosen: [] });
  return {
    run: { ...describeAdapted(order, model, head), warnings: unlikeStart(start, opened, support) },
    parts: {
      description: describeCheckpoint(model, dataset.classes, preprocessing, seen),
      initial: complete(model, preprocessing, dataset, tensors),
      onnx: opened.onnx,
    },
    steps: taken,
  };
}

/**
 * Leaves out the images that validated a learner with fixed labels. Training on them now would leave nothing that could
 * say how good this run, or one that starts from it, is.
 */
export function leavingChosen<I extends ImageRecord, D extends ImageDataset<I>>(
  dataset: D,
  { config, seen }: Pick<Adaptable, 'config' | 'seen'>,
): { readonly dataset: D | (D & DatasetParts<I>); readonly left: readonly string[] } {
  const isLeft = (image: I) =>
    config.fixedLabels && seen?.chosen.has(contentKey(image)) && !seen.fitted.has(contentKey(image));
  const [train, validation] = [dataset.train.filter((image) => !isLeft(image)), dataset.train.filter(isLeft)];
  const hasAll = new Set(train.map(({ label }) => label)).size === dataset.classes.length;
  if (validation.length === 0 || !hasAll) return { dataset, left: [] };
  return {
    dataset: { ...dataset, train, validation: [...dataset.validation, ...validation] },
    left: [`Left to validate with, as the start was: ${plural(validation.length, 'image')}.`],
  };
}

/** A start knows what it was learned on: of images of another kind its features say little. */
function unlikeStart(start: string, { images }: Adaptable, support: TensorOf<'u8'>): Warning[] {
  if (!images) return [];
  const own = statisticsOf(support);
  const distance = distanceBetween(images, own);
  if (distance < farApart) return [];
  const isNegative = distanceBetween(images, inverted(own)) < farApart;
  const advice = isNegative
    ? 'As negatives they would be alike: invert them.'
    : 'Expect little of it: adapt a start that was learned on such images, or train from pretrained weights ' +
      '(`trainFolder(folder)`).';
  const message =
    `These images are unlike those that ${start} was learned on: by brightness and colour they are ` +
    `${distance.toFixed(2)} apart, on a ` +
    `scale where images of one kind are within ${farApart}. ${advice}`;
  return [{ kind: 'far-from-start', message }];
}

/**
 * The number of inner steps. With more classes than in training the rows of the head all begin alike, and the run's own
 * number of steps is too few to tell them apart.
 */
function stepsFor({ testSteps, way }: Adaptable['config'], classes: number): number | null {
  return testSteps !== null && classes > way ? Math.max(10, testSteps) : testSteps;
}

/** `run.json` of an ordinary run, with what it was adapted from. */
function describeAdapted(
  { opened, dataset, fingerprint, runtime, own, noted, versions }: Adaptation,
  model: NamedArchitecture,
  head: HeadLayers | null,
): Run {
  const { config, preprocessing, learner, network, seen } = opened;
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
        ...{ validationFraction: 0, head },
        ...own,
      }),
    ),
    ...noted,
    classes: [...dataset.classes],
    preprocessing: { ...preprocessing, mean: [...preprocessing.mean], std: [...preprocessing.std] },
    batchNorm: learner.statistics === 'running' ? 'frozen' : 'running',
    dataset: describeDataset(dataset, fingerprint),
    parameters: { total: count(() => true), trained: count(isAdapted) },
    warnings: [],
    decision: null,
    before: seen && encodeSeen(seenOf(seen, contentsOf(dataset))),
    versions,
    device: runtime.device,
    threads: 1,
    choices: { ...runtime.choices },
    addedEpochs: 0,
    ...newRecord,
  };
}
