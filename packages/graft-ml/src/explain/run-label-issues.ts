import { UserError } from '@graft-ml/core/internal/base/errors';
import { formatOwnJson, longestOwnJson, parseOwnJson } from '@graft-ml/core/internal/base/own-json';
import { contentKey } from '@graft-ml/core/internal/image/seen';
import { labelIssuesFile } from '@graft-ml/core/internal/runs/run-files';
import { z } from 'zod';
import { defaultCache } from '../cache/folder-cache.ts';
import type { DatasetImage } from '../data/dataset.ts';
import type { OpenRunOptions } from '../evaluate/open-run.ts';
import { probedLabels } from '../experiment/label-issues.ts';
import { pooledFeatures } from '../experiment/pooled-features.ts';
import type { RunStore } from '../runs/run-store.ts';
import { keepInRun, keyOf, type OpenedRun, pathWithin, sampled } from './opened-run.ts';
import { startExtractor } from './run-features.ts';

/** Options of finding the labels of a run's images that are probably wrong. */
export interface RunLabelOptions extends Pick<OpenRunOptions, 'cache' | 'openStore' | 'download' | 'checkpoint'> {
  /** At most so many images; of more, so many are drawn. Default 5000. */
  readonly most?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((stage: 'features' | 'probes', done: number, total: number) => void) | undefined;
}

const recordSchema = z.object({
  key: z.string(),
  issues: z.array(
    z.object({
      path: z.string(),
      part: z.enum(['train', 'validation']),
      given: z.int().min(0),
      likely: z.int().min(0),
      selfConfidence: z.number(),
      confidence: z.number(),
    }),
  ),
  images: z.int(),
  total: z.int(),
  leftOut: z.int(),
  agreement: z.number(),
  fitted: z.int(),
});

/** An image of a run whose label is probably wrong. */
export interface RunLabelIssue {
  /** Its path from the folder of the dataset, with `/`; elsewhere whole. */
  readonly path: string;
  readonly part: 'train' | 'validation';
  /** The position of the class that the dataset gives it, and of the likeliest one. */
  readonly given: number;
  readonly likely: number;
  /** The probability of the label, and of the likeliest class. */
  readonly selfConfidence: number;
  readonly confidence: number;
}

/** The labels among a run's training and validation images that are probably wrong. */
export interface RunLabelIssues {
  /** The worst first. */
  readonly issues: readonly RunLabelIssue[];
  /** The number of images that were looked at. */
  readonly images: number;
  /** The number of training and validation images, of which those may be a sample. */
  readonly total: number;
  /** The number of images that could not be read. */
  readonly leftOut: number;
  /** The share of images whose label is what the probe says. */
  readonly agreement: number;
  /** The number of images that the weights at the start of the run had been fitted to. */
  readonly fitted: number;
}

const version = 1;
const folds = 5;
const seed = 0;

/**
 * Labels among the training and validation images of a run that are probably wrong, as `labelIssues` finds them: by
 * linear probes on the features of the backbone that the run began with. (The run's own have seen the labels, where it
 * was fine-tuned.) Kept in the run folder as `label-issues.json`, until the weights or the dataset are others.
 *
 * @throws UserError where the run did not begin with pretrained weights, or they or the images cannot be had any more;
 * the signal's reason
 */
export async function runLabelIssues(opened: OpenedRun, options: RunLabelOptions = {}): Promise<RunLabelIssues> {
  const { most = 5000, cache = defaultCache(), openStore, download, checkpoint, signal, onProgress } = options;
  const { run, folder, store, classifier, images: found } = opened;
  const key = [version, ...(await keyOf(store, run, checkpoint)), run.weightsSha256, most].join(' ');
  const kept = await readKept(store, key);
  if (kept) return kept;
  if (!found.sameDataset) throw new UserError(`${folder} does not hold the images that the run was trained on.`);
  const { train, validation } = found.images;
  const all = [...train, ...validation];
  const { extractor, seen } = await startExtractor(opened, { openStore, download: { cache, ...download } });
  const during = (stage: 'features' | 'probes') => (done: number, total: number) => onProgress?.(stage, done, total);
  const { images, rows, problems } = await pooledFeatures(extractor, sampled(all, most, seed), {
    pool: classifier.pool,
    cache,
    signal,
    onProgress: during('features'),
  });
  const { runtime } = classifier;
  const { issues, agreement } = await probedLabels(
    { images, rows, classes: run.classes.length },
    { runtime, folds, seed, signal, onProgress: during('probes') },
  );
  const inTraining = new Set<DatasetImage>(train);
  const result: RunLabelIssues = {
    issues: issues.map(({ index, given, likely, selfConfidence, confidence }) => {
      const image = images[index]!;
      const part = inTraining.has(image) ? 'train' : 'validation';
      return { path: pathWithin(folder, image.path), part, given, likely, selfConfidence, confidence };
    }),
    images: images.length,
    total: all.length,
    leftOut: problems.length,
    agreement,
    fitted: images.filter((image) => seen?.fitted.has(contentKey(image))).length,
  };
  signal?.throwIfAborted();
  await keepInRun(store, labelIssuesFile, Buffer.from(formatOwnJson({ key, ...result })));
  return result;
}

/** Those that are kept; null where there are none, or those of something else, or damaged ones. */
async function readKept(store: RunStore, key: string): Promise<RunLabelIssues | null> {
  if (!(await store.names()).includes(labelIssuesFile)) return null;
  try {
    const content = parseOwnJson(await store.read(labelIssuesFile, longestOwnJson), labelIssuesFile);
    const { key: own, ...result } = recordSchema.parse(content);
    return own === key ? result : null;
  } catch {
    return null; // they are found anew
  }
}
