import { createHash } from 'node:crypto';
import { isAbsolute, join, relative, sep } from 'node:path';
import { randomStream } from '@graft-ml/core/internal/base/random';
import { type CheckpointName, checkpointFile } from '@graft-ml/core/internal/fit/checkpoint-files';
import type { Run } from '@graft-ml/core/internal/runs/run-file';
import type { DatasetImage } from '../data/dataset.ts';
import type { Classifier } from '../evaluate/classifier.ts';
import { openRunImages, type RunImages } from '../evaluate/evaluation-images.ts';
import { type OpenRunOptions, openRun } from '../evaluate/open-run.ts';
import { usablePaths } from '../runs/own-paths.ts';
import { readRun } from '../runs/read-run.ts';
import { openRunStore, type RunStore } from '../runs/run-store.ts';

/** Options of opening a run with its images. */
export interface OpenRunImagesOptions extends OpenRunOptions {
  /** Where the run's dataset is now, if it was moved, or if the run was made by someone else. */
  readonly data?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A run with its network and its images, opened once for all that is asked of them. */
export interface OpenedRun extends AsyncDisposable {
  readonly path: string;
  readonly run: Run;
  readonly store: RunStore;
  /** The folder of its images as it is now. */
  readonly folder: string;
  readonly classifier: Classifier;
  readonly images: RunImages;
}

/** @throws UserError where the run or its folder of images cannot be read; the signal's reason */
export async function openRunWithImages(path: string, options: OpenRunImagesOptions): Promise<OpenedRun> {
  const { data, signal, ...opening } = options;
  const { openStore = openRunStore, cache } = opening;
  const run = await readRun(path, openStore);
  const { folder } = await usablePaths(path, run, { data });
  const classifier = await openRun(path, opening);
  try {
    const images = await openRunImages(run, folder, { cache, signal }, classifier);
    const close = () => classifier.close();
    return { path, run, store: openStore(path), folder, classifier, images, [Symbol.asyncDispose]: close };
  } catch (error) {
    await classifier.close();
    throw error;
  }
}

/** What a result about the images of a run depends on, besides how it is computed. */
export async function keyOf(
  store: RunStore,
  { dataset }: Run,
  checkpoint: CheckpointName = 'best',
): Promise<readonly [weights: string, images: string]> {
  const weights = createHash('sha256').update(await store.read(checkpointFile(checkpoint)));
  return [weights.digest('hex'), dataset.fingerprint];
}

/** Keeps a result in the folder of a run. */
export async function keepInRun(store: RunStore, name: string, content: Uint8Array): Promise<void> {
  const lock = await store.lock();
  try {
    await store.replace(name, content);
  } finally {
    await lock.release();
  }
}

/** The path of an image that `pathWithin` has shortened. */
export function pathFrom(folder: string, path: string): string {
  return isAbsolute(path) ? path : join(folder, path);
}

/** At most so many images, drawn by the seed, in their order. */
export function sampled(all: readonly DatasetImage[], most: number, seed: number): readonly DatasetImage[] {
  if (all.length <= most) return all;
  const stream = randomStream(seed, 'embedding sample');
  const keyed = all.map((_, i) => ({ i, draw: stream.uniform() })).sort((a, b) => a.draw - b.draw);
  const places = new Set(keyed.slice(0, most).map(({ i }) => i));
  return all.filter((_, i) => places.has(i));
}

/** The path of an image from the folder of the dataset, with `/`; elsewhere whole. */
export function pathWithin(folder: string, path: string): string {
  const inside = relative(folder, path);
  return inside.startsWith('..') || isAbsolute(inside) ? join(path) : inside.split(sep).join('/');
}
