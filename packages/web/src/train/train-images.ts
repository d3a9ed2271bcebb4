import { parseConfig, resolveConfig, type TrainConfigInput } from '@graft-ml/core/internal/recipe/config/index';
import type { RunEvent } from '@graft-ml/core/internal/runs/run-events';
import { beginTraining, goOnTraining, type Resumption } from '@graft-ml/core/internal/runs/training';
import type { ImageCollection } from '../data/collection.ts';
import { type PageDataset, pageSite, type TrainImagesOptions } from './site.ts';

/**
 * Labelled images in, a run with a trained classifier out: `graft train` in a page, with the same options, and the same
 * files in the browser's private file system.
 *
 * @throws UserError (by rejection) for anything wrong with the images, the weights or the options, before training
 * starts
 * @example
 * const images = { cat: catFiles, dog: dogFiles };
 * const config = { model: 'squeezenet1_1', weights: await keepWeights(file), epochs: 20 };
 * for await (const event of trainImages(images, config, { out: 'runs/pets' })) …
 */
export async function* trainImages(
  images: ImageCollection,
  config: TrainConfigInput,
  options: TrainImagesOptions,
): AsyncGenerator<RunEvent<PageDataset>, void, undefined> {
  const resolved = resolveConfig(parseConfig(config));
  yield* beginTraining({ folder: '', config: resolved, options }, await pageSite(images, options.openStore));
}

/** Options for resuming a run of a page. */
export interface ResumeImagesOptions
  extends Omit<TrainImagesOptions, 'out' | 'overwrite' | 'choices'>,
    Omit<Resumption, 'data'> {}

/**
 * Goes on with a run where it stopped: after a reload, a crash, or an end by `signal`. In the same browser it ends bit
 * for bit as if it had not stopped.
 *
 * @param images those that it began with
 * @throws UserError (by rejection) where the run is complete, or the images are others
 */
export async function* resumeTraining(
  out: string,
  images: ImageCollection,
  { weights, from, epochs, ...options }: ResumeImagesOptions = {},
): AsyncGenerator<RunEvent<PageDataset>, void, undefined> {
  const resumption = { data: 'the collection', weights, from, epochs };
  yield* goOnTraining(resumption, { ...options, out }, await pageSite(images, options.openStore));
}
