import { setImmediate } from 'node:timers/promises';
import type { TensorOf } from '@graft-ml/core/internal/base/tensor';
import type { CheckpointName } from '@graft-ml/core/internal/fit/checkpoint-files';
import type { ImageDecoder } from '@graft-ml/core/internal/image/decoder';
import { distanceBetween, farApart, inverted, statisticsOf } from '@graft-ml/core/internal/image/image-statistics';
import { contentKey, seenAfter } from '@graft-ml/core/internal/image/seen';
import { isByFeatures, learners } from '@graft-ml/core/internal/meta/learners';
import type { Warning } from '@graft-ml/core/internal/recipe/guard-rails';
import type { Preparation } from '@graft-ml/core/internal/runs/prepared';
import type { Run } from '@graft-ml/core/internal/runs/run-file';
import { assertNewRun, RunFolder } from '@graft-ml/core/internal/runs/run-folder';
import { describeCheckpoint } from '@graft-ml/core/internal/weights/checkpoint';
import type { Backend } from '@graft-ml/core/runtime';
import { type Dataset, type DatasetImage, openDataset } from '../data/dataset.ts';
import { openImagePool } from '../data/decoder-pool.ts';
import type { ShapeOptions } from '../data/readers/found.ts';
import type { FolderCache } from '../files/cache-folder.ts';
import { nodeHost } from '../runs/host.ts';
import { type OpenRunStore, openRunStore } from '../runs/run-store.ts';
import { describeAdapted } from './adapted-run.ts';
import { adapted, complete, readSupport, withMeans } from './adapted-tensors.ts';
import { readMetaRun } from './meta-run.ts';
import { type OpenLearner, openLearner } from './open-learner.ts';
import { sideBySide, taskRuntime } from './prepare-meta.ts';
import { findStart } from './starts.ts';

export interface AdaptMetaOptions extends ShapeOptions {
  /** Folder levels that make a class name. Default 1. */
  readonly classDepth?: number | undefined;
  /** The run folder to write: an ordinary one. */
  readonly out: string;
  readonly overwrite?: boolean;
  /** The checkpoint of the run of meta-learning. Default: `best`. */
  readonly checkpoint?: CheckpointName | undefined;
  /** Images of each class to learn from. Default: all there are, but those in val/ and test/. */
  readonly shots?: number | undefined;
  /**
   * Inner steps; default: the run's `testSteps`, and at least 10 where there are more classes than it was trained on.
   */
  readonly steps?: number | undefined;
  readonly onPreparation?: ((progress: Preparation) => void) | undefined;
  /** The cache for results that can be computed again. Default: `defaultCache()`; null: none. */
  readonly cache?: FolderCache | null | undefined;
  /**
   * The image decoder: a pool, or a program's own. It stays its owner's. Default: threads of this process, opened and
   * closed.
   */
  readonly decoder?: ImageDecoder | undefined;
  /** The backend that runs the graphs. Default: ORT in this process and in threads. */
  readonly backend?: Backend | undefined;
  /** Opens the stores of runs: of the start, if it is a run, and of the new one. Default: in folders. */
  readonly openStore?: OpenRunStore | undefined;
  /** Gives up, with the signal's reason, as long as nothing is written. */
  readonly signal?: AbortSignal | undefined;
}

/** The result of adapting a learner to a dataset. */
export interface Adapted {
  readonly out: string;
  readonly run: Run;
  readonly learner: string;
  /** Inner steps that were taken; null for a learner that takes none. */
  readonly steps: number | null;
  readonly folder: Dataset;
  /** Notes on the head, a sentence each. */
  readonly notes: readonly string[];
}

/**
 * Fits a run of meta-learning, or a start that comes with Graft, to the classes of a folder, by a few images of each,
 * and writes an ordinary run, which can be looked at, evaluated and exported like one that was trained. Single images
 * can be classified: the running statistics of batch norms are those of the support under the adapted parameters. A
 * learner that goes by class means becomes a linear layer.
 *
 * @throws UserError where the run, the images or the place for the new run cannot be had, or the head cannot be made to
 * fit
 */
export async function adaptMeta(start: string, folder: string, options: AdaptMetaOptions): Promise<Adapted> {
  const {
    out,
    overwrite = false,
    checkpoint = 'best',
    shots,
    steps,
    onPreparation,
    signal,
    openStore = openRunStore,
    cache,
    decoder,
    backend,
    ...shape
  } = options;
  const { path, openStore: openStart } = await findStart(start, openStore);
  const { seed } = (await readMetaRun(path, openStart)).config;
  await assertNewRun(openStore(out), { overwrite });
  const pool = openImagePool(decoder);
  try {
    const whole = await openDataset(folder, {
      ...shape,
      ...(shots !== undefined && { maxPerClass: shots }),
      ...{ validationFraction: 0, seed, pool, cache },
      onProgress: (done, total) => onPreparation?.({ stage: 'checking images', done, total }),
    });
    signal?.throwIfAborted();
    const opened = await openLearner(path, whole.classes.length, checkpoint, openStart);
    const { config, preprocessing } = opened;
    const { dataset, left } = leavingChosen(whole, opened);
    const runtime = taskRuntime(config.device, { choices: opened.run.choices, cache, backend, onPreparation });
    const support = await readSupport(dataset.train, preprocessing, pool);
    signal?.throwIfAborted();
    const taken = steps ?? stepsFor(config, dataset.classes.length);
    const { model, head, tensors } = isByFeatures(learners[config.learner])
      ? await withMeans(opened, support, dataset, runtime, sideBySide(1, backend))
      : { model: opened.model, head: null, tensors: await adapted(opened, support, dataset, runtime, taken!) };
    const own = {
      ...{ validationFraction: 0, maxPerClass: shots ?? null, head },
      ...Object.fromEntries(Object.entries(shape).filter(([, value]) => value !== undefined)),
    };
    const warnings = unlikeStart(start, opened, support);
    const run = {
      ...(await describeAdapted(openStart(path), dataset, opened, runtime, { own, model, checkpoint })),
      warnings,
    };
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
    await writeRun(new RunFolder(out, run, { ...parts, host: nodeHost(openStore) }), overwrite);
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
 * Leaves out the images that validated a learner with fixed labels. Training on them now would leave nothing that could
 * say how good this run, or one that starts from it, is.
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
      `${validation.length} images that the start was validated with are not learned from: they are left to ` +
        'validate with.',
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
function stepsFor({ testSteps, way }: OpenLearner['config'], classes: number): number | null {
  return testSteps !== null && classes > way ? Math.max(10, testSteps) : testSteps;
}

async function writeRun(store: RunFolder, overwrite: boolean): Promise<void> {
  try {
    await store.createWhole({ overwrite });
  } finally {
    await store.release();
  }
}
