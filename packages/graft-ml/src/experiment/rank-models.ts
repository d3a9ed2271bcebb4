import { OptionError, UserError } from '@graft-ml/core';
import { mcnemar } from '@graft-ml/core/evaluate';
import { plural } from '@graft-ml/core/internal/base/plural';
import type { ImageDecoder } from '@graft-ml/core/internal/image/decoder';
import type { Problem } from '@graft-ml/core/internal/image/problem';
import { rankBySeed } from '@graft-ml/core/internal/image/split';
import type { Runtime } from '@graft-ml/core/runtime';
import { defaultCache } from '../cache/folder-cache.ts';
import { type DatasetImage, openDataset } from '../data/dataset.ts';
import { openImagePool } from '../data/decoder-pool.ts';
import type { ReaderOptions } from '../data/readers/found.ts';
import type { FolderCache } from '../files/cache-folder.ts';
import type { FetchOptions } from '../files/download/fetch-file.ts';
import { createRuntime, type DeviceName } from '../runtime/index.ts';
import { candidatesOf, type ModelCandidate } from './model-candidates.ts';
import { type Judged, type ModelScores, type RankProgress, scoresOf } from './model-scores.ts';

/** A score by which models are ordered. */
export type RankScore = 'probe' | 'neighbours' | 'logme';

/** Options for ranking models. */
export interface RankOptions extends Omit<ReaderOptions, 'classes' | 'cache' | 'classDepth'> {
  /**
   * The models: names as `loadModel` takes them (an architecture, published weights, an ONNX file, a run), patterns of
   * such names (`resnet*`: architectures with published weights; `timm/resnet*`: weights), or an architecture with
   * weights.
   */
  readonly models: readonly (string | ModelCandidate)[];
  /** The score that orders them. Default `probe`. */
  readonly by?: RankScore;
  /** At most so many images, in the proportions of the classes, drawn by the seed; null: all. Default 1000. */
  readonly images?: number | null;
  /** The side of the square that the models see, in pixels. Default: that of their weights. */
  readonly imageSize?: number;
  /** Folder levels that name a class. Default 1. */
  readonly classDepth?: number;
  /** The folds of the probe, at least 2. Default 5. */
  readonly folds?: number;
  /** The neighbours that vote. Default 20. */
  readonly neighbours?: number;
  /** Decides the folds, and which images are drawn. Default 0. */
  readonly seed?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: RankProgress) => void) | undefined;
  /** Hears of each model when it is done. */
  readonly onModel?: ((model: ModelScores | UnrankedModel) => void) | undefined;
  /** Hears, in a sentence, of a file in the cache that is not used, and of what `auto` chose. */
  readonly onNote?: ((note: string) => void) | undefined;
  /** The source of published weights. */
  readonly download?: FetchOptions;
  /** Keeps features for later calls. Default: `defaultCache()`; null: none. */
  readonly cache?: FolderCache | null;
  /** The image decoder. It stays its owner's. */
  readonly decoder?: ImageDecoder;
  /** The device that computes, unless `runtime` says it. Default `cpu`. */
  readonly device?: DeviceName;
  /** The runtime. It stays its owner's. Default: `createRuntime({ device })`. */
  readonly runtime?: Runtime;
}

/** A model with its scores and its place. */
export interface RankedModel extends ModelScores {
  /**
   * McNemar's test of its probe against the first model's, on the same images: the chance of a difference at least as
   * large if both were equally good. 1 for the first itself.
   */
  readonly pValue: number;
}

/** A model that could not be ranked. */
export interface UnrankedModel {
  readonly name: string;
  /** The message of the error. */
  readonly reason: string;
}

/** Models in the order of a score, the best first. */
export interface ModelRanking {
  readonly root: string;
  readonly classes: readonly string[];
  /** The images that they were ranked by. */
  readonly images: number;
  readonly by: RankScore;
  readonly models: readonly RankedModel[];
  readonly failed: readonly UnrankedModel[];
  /** Files that were left out. */
  readonly problems: readonly Problem[];
  /** Notes on the dataset, a sentence each. */
  readonly notes: readonly string[];
}

/**
 * Ranks pretrained models for a dataset without training them, by the features that their backbones give its images.
 * Images of a test part are left out. A model that cannot be had or opened is reported, and the others go on.
 *
 * @throws UserError where there is no such dataset, or a pattern fits no model; the signal's reason
 * @example
 * const { models } = await rankModels('photos', { models: ['squeezenet1_1', 'mobilenet*', 'own.onnx'] });
 * for (const { name, probe } of models) console.log(name, probe.accuracy, probe.interval);
 */
export async function rankModels(folder: string, options: RankOptions): Promise<ModelRanking> {
  const { by = 'probe', seed = 0, images: most = 1000, cache = defaultCache(), signal, onProgress, onModel } = options;
  assertOptions(options);
  const candidates = candidatesOf(options.models);
  await using pool = openImagePool(options.decoder);
  const dataset = await openDataset(folder, {
    ...readingOf(options),
    ...{ seed, validationFraction: 0, pool, cache, signal },
    onProgress: (done, total) => onProgress?.({ stage: 'checking images', model: null, done, total }),
  });
  const images = sampleImages([...dataset.train, ...dataset.validation], most, seed);
  const runtime = options.runtime ?? createRuntime({ cache, device: options.device, onNote: options.onNote });
  const judge = { ...options, seed, classes: dataset.classes.length, images, pool, cache, runtime };
  const scored: Judged[] = [];
  const failed: UnrankedModel[] = [];
  for (const candidate of candidates) {
    signal?.throwIfAborted();
    const { name } = candidate;
    try {
      scored.push(await scoresOf(candidate, judge));
      onModel?.(scored.at(-1)!.scores);
    } catch (error) {
      if (!(error instanceof UserError) || signal?.aborted) throw error;
      failed.push({ name, reason: error.message });
      onModel?.(failed.at(-1)!);
    }
  }
  const ordered = scored.sort((a, b) => scoreOf[by](b.scores) - scoreOf[by](a.scores));
  const leftOut = dataset.test.length + dataset.keptOut.length;
  return {
    root: folder,
    classes: dataset.classes,
    images: images.length,
    by,
    models: ordered.map(({ scores, correct }) => ({ ...scores, pValue: difference(ordered[0]!.correct, correct) })),
    failed,
    problems: [...dataset.problems, ...new Map(scored.flatMap((one) => one.problems).map((p) => [p.path, p])).values()],
    notes: [
      ...dataset.notes,
      ...(leftOut > 0 ? [`The dataset’s test part, ${plural(leftOut, 'image')}, is left out.`] : []),
      ...(images.length < dataset.train.length + dataset.validation.length
        ? [`${images.length} of ${dataset.train.length + dataset.validation.length} images were drawn.`]
        : []),
    ],
  };
}

const scoreOf: Readonly<Record<RankScore, (scores: ModelScores) => number>> = {
  probe: ({ probe }) => probe.accuracy,
  neighbours: ({ neighbours }) => neighbours.accuracy,
  logme: (scores) => scores.logme,
};

/** McNemar's test on the images that both were asked. */
function difference(first: Judged['correct'], second: Judged['correct']): number {
  const both = [...first].filter(([image]) => second.has(image));
  const only = (isFirst: boolean) =>
    both.filter(([image, right]) => right === isFirst && second.get(image) !== isFirst).length;
  return mcnemar(only(true), only(false)).pValue;
}

/** At most so many images, of each class its share, at least one; which, the seed and their content decide. */
function sampleImages(images: readonly DatasetImage[], most: number | null, seed: number): readonly DatasetImage[] {
  if (most === null || images.length <= most) return images;
  const kept = new Set<DatasetImage>();
  for (const label of new Set(images.map((image) => image.label))) {
    const own = images.filter((image) => image.label === label);
    const count = Math.max(1, Math.round((own.length * most) / images.length));
    for (const image of rankBySeed(own, seed, 'rank', ({ sha256 }) => sha256).slice(0, count)) kept.add(image);
  }
  return images.filter((image) => kept.has(image));
}

/** The part of the options by which the dataset is read. */
function readingOf(options: RankOptions): Omit<ReaderOptions, 'classDepth'> & { readonly classDepth?: number } {
  const { parts, followLinks, labelRegex, pathColumn, labelColumn, splitColumn, classDepth } = options;
  const given = { parts, followLinks, labelRegex, pathColumn, labelColumn, splitColumn, classDepth };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** @throws OptionError where one is out of its range: before anything is downloaded */
function assertOptions({ models, images = 1000, folds = 5, neighbours = 20 }: RankOptions): void {
  const refuse = (option: string, expected: string, received: unknown) => {
    throw new OptionError({ option, expected, received });
  };
  if (models.length === 0) refuse('models', 'at least one', models);
  if (images !== null && !(Number.isInteger(images) && images >= 2))
    refuse('images', 'a whole number from 2 on', images);
  if (!(Number.isInteger(folds) && folds >= 2)) refuse('folds', 'a whole number from 2 on', folds);
  if (!(Number.isInteger(neighbours) && neighbours >= 1)) refuse('neighbours', 'a whole number from 1 on', neighbours);
}
