import { OptionError } from '@graft-ml/core';
import {
  findLabelIssues,
  type LabelIssue,
  type LabelIssueOptions,
  type LabelIssues,
  type LabelNoise,
} from '@graft-ml/core/evaluate';
import { argmax } from '@graft-ml/core/internal/base/largest';
import { outOfSample, type ProbeOptions } from '@graft-ml/core/internal/evaluate/out-of-sample';
import type { ImageDecoder } from '@graft-ml/core/internal/image/decoder';
import type { Problem } from '@graft-ml/core/internal/image/problem';
import { contentKey } from '@graft-ml/core/internal/image/seen';
import { parseConfig } from '@graft-ml/core/internal/recipe/config/index';
import type { Runtime } from '@graft-ml/core/runtime';
import { defaultCache } from '../cache/folder-cache.ts';
import { type Dataset, imagesOf, openDataset } from '../data/dataset.ts';
import type { ImageFile } from '../data/decode.ts';
import { openImagePool } from '../data/decoder-pool.ts';
import type { ReaderOptions } from '../data/readers/found.ts';
import type { FolderCache } from '../files/cache-folder.ts';
import type { FetchOptions } from '../files/download/fetch-file.ts';
import { createRuntime, type DeviceName } from '../runtime/index.ts';
import { loadModel } from '../transfer/load-model.ts';
import type { Model } from '../transfer/model.ts';
import { pooledFeatures } from './pooled-features.ts';

/** Options for finding the labels of a dataset that are probably wrong. */
export interface FolderLabelOptions extends LabelIssueOptions, Omit<ReaderOptions, 'classes' | 'cache' | 'classDepth'> {
  /** The backbone, as `loadModel` takes it: an architecture, published weights, a file or a run. Default: that of training. */
  readonly model?: string;
  /** Its weights: a file, a tag or a name. Default: those that are published for it. */
  readonly weights?: string | null;
  /** The side of the square that it sees, in pixels. Default: that of its weights. */
  readonly imageSize?: number;
  /** Folder levels that name a class. Default 1. */
  readonly classDepth?: number;
  /** The number of folds, at least 2. Default 5. */
  readonly folds?: number;
  /** Decides the folds. Default 0. */
  readonly seed?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: LabelProgress) => void) | undefined;
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

/** How far the search for label issues is. */
export interface LabelProgress {
  readonly stage: 'checking images' | 'extracting features' | 'training probes';
  readonly done: number;
  readonly total: number;
}

/** An image whose label is probably wrong. */
export interface ImageLabelIssue extends LabelIssue {
  readonly path: string;
  /** The class that the dataset gives it. */
  readonly givenClass: string;
  /** The class that is likeliest. */
  readonly likelyClass: string;
}

/** An image of the dataset with its label and what the probe of the other folds says. */
export interface ProbedImage extends ImageFile {
  readonly label: number;
  /** (classes), out of sample. */
  readonly probabilities: Float64Array;
}

/** The labels of a dataset that are probably wrong, and what they were found by. */
export interface FolderLabelIssues {
  readonly root: string;
  readonly classes: readonly string[];
  /** The worst first. */
  readonly issues: readonly ImageLabelIssue[];
  /** All images, of whatever part of the dataset. Issues name them by position. */
  readonly images: readonly ProbedImage[];
  /** The share of images whose label is what the probe says: the labels' and the probe's mistakes together. */
  readonly agreement: number;
  readonly noise: LabelNoise;
  /** Files that were left out. */
  readonly problems: readonly Problem[];
  /** Notes on the dataset and the weights, a sentence each. */
  readonly notes: readonly string[];
}

/**
 * Labels of a dataset that are probably wrong: confident learning (`findLabelIssues`) over the probabilities of a linear
 * probe on the backbone's features, each image's by the probe of the folds that it is not in. Nothing is changed.
 *
 * @throws UserError where there is no such dataset, or the weights cannot be had; the signal's reason
 * @example
 * const { issues } = await labelIssues('photos', { model: 'squeezenet1_1' });
 * for (const { path, givenClass, likelyClass } of issues) console.log(path, givenClass, likelyClass);
 */
export async function labelIssues(folder: string, options: FolderLabelOptions = {}): Promise<FolderLabelIssues> {
  const { folds = 5, seed = 0, cache = defaultCache(), decoder, signal, onProgress, filter, rank } = options;
  if (!(Number.isInteger(folds) && folds >= 2))
    throw new OptionError({ option: 'folds', expected: 'a whole number from 2 on', received: folds });
  const during = (stage: LabelProgress['stage']) => (done: number, total: number) =>
    onProgress?.({ stage, done, total });
  await using pool = openImagePool(decoder);
  const dataset = await openDataset(folder, {
    ...readingOf(options),
    seed,
    validationFraction: 0,
    pool,
    cache,
    signal,
    onProgress: during('checking images'),
  });
  const runtime = options.runtime ?? createRuntime({ cache, device: options.device, onNote: options.onNote });
  await using model = await backboneOf(options, runtime, cache);
  const extractor = {
    forward: model.network.forward,
    variables: model.variables,
    preprocessing: model.image!.preprocessing,
    runtime,
  };
  const { images, rows, problems } = await pooledFeatures(extractor, imagesOf(dataset), {
    pool,
    cache,
    signal,
    onNote: options.onNote,
    onProgress: during('extracting features'),
  });
  const probed = { images, rows, classes: dataset.classes.length };
  const settings = { runtime, folds, seed, signal, onProgress: during('training probes') };
  const found = await probedLabels(probed, settings, { ...(filter && { filter }), ...(rank && { rank }) });
  const { probabilities, agreement } = found;
  return {
    root: folder,
    classes: dataset.classes,
    issues: found.issues.map((issue) => ({
      ...issue,
      path: images[issue.index]!.path,
      givenClass: dataset.classes[issue.given]!,
      likelyClass: dataset.classes[issue.likely]!,
    })),
    images: images.map(({ path, within, label }, i) => {
      return { path, ...(within && { within }), label, probabilities: probabilities[i]! };
    }),
    agreement,
    noise: found.noise,
    problems: [...dataset.problems, ...problems],
    notes: [...dataset.notes, ...model.notes, ...notesOnSeen(model, dataset), ...notesOnClasses(dataset)],
  };
}

/** Labels that are probably wrong, and the probabilities that they were found by. */
export interface ProbedLabels extends LabelIssues {
  /** (n) of (classes), out of sample. */
  readonly probabilities: readonly Float64Array[];
  /** The share of images whose label is what the probe says. */
  readonly agreement: number;
}

/** Confident learning over the probabilities of linear probes on features, each image's by one that has not seen it. */
export async function probedLabels(
  {
    images,
    rows,
    classes,
  }: {
    readonly images: readonly { readonly label: number; readonly sha256: string }[];
    readonly rows: readonly Float32Array[];
    readonly classes: number;
  },
  probe: ProbeOptions,
  options: LabelIssueOptions = {},
): Promise<ProbedLabels> {
  const labels = images.map(({ label }) => label);
  const contents = images.map(({ sha256 }) => sha256);
  const probabilities = await outOfSample({ rows, labels, contents, classes }, probe);
  const agreeing = probabilities.filter((row, i) => argmax(row) === labels[i]);
  const found = findLabelIssues(labels, probabilities, options);
  return { ...found, probabilities, agreement: agreeing.length / images.length };
}

/** The part of the options by which the dataset is read. */
function readingOf(options: FolderLabelOptions): Omit<ReaderOptions, 'classDepth'> & { readonly classDepth?: number } {
  const { parts, followLinks, labelRegex, pathColumn, labelColumn, splitColumn, classDepth } = options;
  const given = { parts, followLinks, labelRegex, pathColumn, labelColumn, splitColumn, classDepth };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** The backbone, without a head. */
function backboneOf(
  { model = parseConfig({}).model, weights, imageSize, download, signal }: FolderLabelOptions,
  runtime: Runtime,
  cache: FolderCache | null,
): Promise<Model> {
  return loadModel(model, {
    cache,
    ...download,
    ...(signal && { signal }),
    ...(weights !== undefined && { weights }),
    ...(imageSize !== undefined && { imageSize }),
    numClasses: 0,
    runtime,
  });
}

/** Weights that were fitted to these labels are likelier to repeat them. */
function notesOnSeen({ seen }: Model, dataset: Dataset): string[] {
  const known = imagesOf(dataset).filter((image) => seen?.fitted.has(contentKey(image))).length;
  if (known === 0) return [];
  return [
    `The weights were fitted to ${known} of these images with their labels (${seen!.history.join(', ')}): wrong labels ` +
      'among them are harder to find.',
  ];
}

function notesOnClasses({ classes }: Dataset): string[] {
  if (classes.length >= 4) return [];
  return [`Of ${classes.length} classes confident learning counts too few wrong labels: look beyond the list, too.`];
}
