import { resolve } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import type { Problem } from '@graft-ml/core/internal/image/problem';
import { contentKey, decodeSeen, type Seen, unrecorded } from '@graft-ml/core/internal/image/seen';
import { resolveConfig } from '@graft-ml/core/internal/recipe/config/index';
import type { Run } from '@graft-ml/core/internal/runs/run-file';
import { datasetOptionsOf, shapeOptionsOf } from '../data/configured.ts';
import { type Dataset, type DatasetImage, type DatasetOptions, fingerprint, openDataset } from '../data/dataset.ts';
import type { ShapeOptions } from '../data/readers/found.ts';
import type { Classifier } from './classifier.ts';

export type Part = 'train' | 'validation' | 'test' | 'all';

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

/** The images that a run is evaluated on. */
export interface EvaluationImages {
  readonly images: readonly DatasetImage[];
  readonly part: Part;
  /** Whether these are the very images that the run's dataset has. */
  readonly sameDataset: boolean;
  readonly seen: SeenImages;
  readonly problems: readonly Problem[];
}

/** The choice of images. */
export interface ImageChoice {
  /** Default: as `EvaluateOptions` says. */
  readonly part?: Part | undefined;
  /** The part that is taken by default, where the run's own folder has images in it. */
  readonly preferred?: 'validation' | undefined;
  /** The shape of the dataset, where it is not the run's own. */
  readonly shape?: ShapeOptions | undefined;
  readonly cache?: DatasetOptions['cache'];
  readonly signal?: AbortSignal | undefined;
}

/** The images of a folder, divided as a run divides them, and what the run has seen. */
export interface RunImages {
  readonly images: Dataset;
  /** Whether these are the very images that the run's dataset has. */
  readonly sameDataset: boolean;
  readonly seen: Seen;
}

/**
 * The images of a folder that a run is to be evaluated on, divided as the run divides them, without those that it knows.
 *
 * @throws UserError where the folder cannot be read, or the part has no images
 */
export async function evaluationImages(
  run: Run,
  folder: string,
  { part: chosen, preferred, shape, ...options }: ImageChoice,
  classifier: Pick<Classifier, 'pool' | 'seen'>,
): Promise<EvaluationImages> {
  const opened = await openRunImages(run, folder, { ...shape, ...options }, classifier);
  return chooseImages(opened, folder, { part: chosen, preferred });
}

/** The images of a part that the run does not know. @throws UserError where the part has no images */
export function chooseImages(
  { images, sameDataset, seen }: RunImages,
  folder: string,
  { part: chosen, preferred }: Pick<ImageChoice, 'part' | 'preferred'>,
): EvaluationImages {
  const part = chosen ?? defaultPart(images, sameDataset, preferred);
  const all = part === 'all' ? [...images.train, ...images.validation, ...images.test] : images[part];
  const isOwn = sameDataset && part === 'validation';
  const { selected, known } = select(all, seen, { isOwn, isAskedFor: chosen === 'train' || chosen === 'all' });
  if (selected.length === 0) throw new UserError(`${folder} has no images to evaluate in its part "${part}".`);
  return { images: selected, part, sameDataset, seen: known, problems: images.problems };
}

/** @throws UserError where the folder cannot be read */
export async function openRunImages(
  { config, classes, dataset, folder: ownFolder, adaptedFrom, before }: Run,
  folder: string,
  shape: ShapeOptions & Pick<DatasetOptions, 'cache' | 'signal'>,
  { pool, seen: recorded }: Pick<Classifier, 'pool' | 'seen'>,
): Promise<RunImages> {
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

function defaultPart(folder: Dataset, sameDataset: boolean, preferred?: 'validation'): Part {
  if (preferred === 'validation' && sameDataset && folder.validation.length > 0) return 'validation';
  if (folder.test.length > 0) return 'test';
  // A run that was adapted to a few images has put none aside.
  return sameDataset && folder.validation.length > 0 ? 'validation' : 'all';
}
