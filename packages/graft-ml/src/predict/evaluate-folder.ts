import { resolve } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import type { Problem } from '@graft-ml/core/internal/image/problem';
import { contentKey, decodeSeen, type Seen, unrecorded } from '@graft-ml/core/internal/image/seen';
import type { TestTimeAugmentation } from '@graft-ml/core/internal/image/test-time';
import { type EvaluationMetrics, type Judged, measure } from '@graft-ml/core/internal/predict/evaluation';
import { resolveConfig } from '@graft-ml/core/internal/recipe/config/index';
import { datasetOptionsOf, shapeOptionsOf } from '../data/configured.ts';
import { type Dataset, type DatasetImage, type DatasetOptions, fingerprint, openDataset } from '../data/dataset.ts';
import type { ShapeOptions } from '../data/readers/found.ts';
import { type Run, readRun } from '../runs/run-file.ts';
import type { Classifier } from './classifier.ts';
import { type OpenRunOptions, openRun } from './open-run.ts';

export type Part = 'train' | 'validation' | 'test' | 'all';

export interface EvaluateOptions extends OpenRunOptions {
  /**
   * The images to evaluate on. Default: `test` where the folder has such a part; `validation` where it is the folder
   * the run was trained on and some were held out; else all. Images that the run was fitted to are left out (by their
   * content, wherever they are), of other parts than its own `validation` also those that it was chosen by, unless
   * `train` or `all` asks for them.
   */
  readonly part?: Part;
  /** The shape of the dataset, where it is not the run's own; its own is read as it was for training. */
  readonly shape?: ShapeOptions;
  readonly onProgress?: (done: number, total: number) => void;
  /** Ends it, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** The images of a part that a run has seen, by their content. */
export interface SeenImages {
  /** The number of images that it was trained on or adapted to. */
  readonly fitted: number;
  /** The number of images that it was chosen by and not fitted to: the best epoch, early stopping. */
  readonly chosen: number;
  /**
   * The number of seen images that do not count: all, or where there are no others, those that it was fitted to. None
   * where the part was asked for that they make up, or where it is made up of them.
   */
  readonly leftOut: number;
  /** False where nobody recorded all that the run was made of. */
  readonly isComplete: boolean;
}

export interface FolderEvaluation extends EvaluationMetrics {
  readonly part: Part;
  readonly tta: TestTimeAugmentation;
  /** Whether these are the very images that the run's dataset has. */
  readonly sameDataset: boolean;
  /** The images of the part that the run was made of, itself or the weights that it began with. */
  readonly seen: SeenImages;
  readonly problems: readonly Problem[];
}

/** Evaluates a run on a folder of labelled images, whose classes must be among the run's. */
export async function evaluateFolder(
  run: string,
  folder: string,
  options: EvaluateOptions = {},
): Promise<FolderEvaluation> {
  const { part: chosen, shape, onProgress, signal, ...classifierOptions } = options;
  const described = await readRun(run, options.openStore);
  const classifier = await openRun(run, classifierOptions);
  try {
    const { images, sameDataset, seen } = await openForRun(
      described,
      folder,
      { ...shape, cache: options.cache, signal },
      classifier,
    );
    const part = chosen ?? defaultPart(images, sameDataset);
    const all = part === 'all' ? [...images.train, ...images.validation, ...images.test] : images[part];
    const isOwn = sameDataset && part === 'validation';
    const { selected, known } = select(all, seen, { isOwn, isAskedFor: chosen === 'train' || chosen === 'all' });
    if (selected.length === 0) throw new UserError(`${folder} has no images to evaluate in its part "${part}".`);
    const judged: Judged[] = [];
    for await (const prediction of classifier.predict(selected, { signal })) {
      const { path, problem } = prediction;
      if (problem) throw new Error(`${path} could be read a moment ago: ${problem.message}`);
      judged.push({ label: selected[judged.length]!.label, probabilities: prediction.probabilities });
      onProgress?.(judged.length, selected.length);
    }
    return {
      ...measure(judged, described.classes),
      part,
      tta: classifier.tta,
      sameDataset,
      seen: known,
      problems: images.problems,
    };
  } finally {
    await classifier.close();
  }
}

/** The dataset as the run would divide it, and what the run has seen. */
async function openForRun(
  { config, classes, dataset, folder: ownFolder, adaptedFrom, before }: Run,
  folder: string,
  shape: ShapeOptions & Pick<DatasetOptions, 'cache' | 'signal'>,
  { pool, seen: recorded }: Classifier,
): Promise<{ images: Dataset; sameDataset: boolean; seen: Seen }> {
  const { testFraction = 0, ...others } = datasetOptionsOf(resolveConfig(config));
  const { seed, validationFraction, classDepth, strict, maxPerClass, fold } = others;
  const kept = { seed, validationFraction, classDepth, strict, ...(fold && { fold }) };
  const ownShape = resolve(folder) === ownFolder ? shapeOptionsOf(config) : {};
  const open = (limit: { maxPerClass?: number; testFraction?: number }) =>
    openDataset(folder, {
      ...kept,
      ...ownShape,
      ...shape,
      ...limit,
      classes,
      pool,
      seen: before && decodeSeen(before),
    });
  const limit = maxPerClass === undefined ? {} : { maxPerClass };
  const undivided = await open(limit);
  const sameDataset = fingerprint(undivided) === dataset.fingerprint;
  const isAdapted = adaptedFrom !== null;
  // Of another dataset there is no reason to put images aside.
  const limited = sameDataset && testFraction > 0 ? await open({ ...limit, testFraction }) : undivided;
  // Version 0.1 kept no record; what an adapted run learned from can still be told in its own folder.
  const isUntold = sameDataset && isAdapted && recorded?.isComplete !== true;
  const known = recorded ?? unrecorded;
  const seen = isUntold ? { ...known, fitted: new Set([...known.fitted, ...limited.train.map(contentKey)]) } : known;
  // The run's limit says which images of its own folder it trains on; of another folder, and beside a few shots, all
  // are wanted.
  const isLimited = maxPerClass !== undefined && sameDataset && !isAdapted;
  return { images: isLimited || maxPerClass === undefined ? limited : await open({}), sameDataset, seen };
}

/** The images of a part that count: those that the run knows least. */
function select(
  all: readonly DatasetImage[],
  seen: Seen,
  { isOwn, isAskedFor }: { readonly isOwn: boolean; readonly isAskedFor: boolean },
): { selected: readonly DatasetImage[]; known: SeenImages } {
  const isFitted = (image: DatasetImage) => seen.fitted.has(contentKey(image));
  const isChosen = (image: DatasetImage) => !isOwn && !isFitted(image) && seen.chosen.has(contentKey(image));
  const unfitted = all.filter((image) => !isFitted(image));
  const unknown = unfitted.filter((image) => !isChosen(image));
  const selected = isAskedFor ? all : ([unknown, unfitted].find(({ length }) => length > 0) ?? all);
  const known = {
    fitted: all.length - unfitted.length,
    chosen: unfitted.length - unknown.length,
    leftOut: all.length - selected.length,
    isComplete: seen.isComplete,
  };
  return { selected, known };
}

function defaultPart(folder: Dataset, sameDataset: boolean): Part {
  if (folder.test.length > 0) return 'test';
  // A run that was adapted to a few images has put none aside.
  return sameDataset && folder.validation.length > 0 ? 'validation' : 'all';
}
