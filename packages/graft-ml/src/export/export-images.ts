import { UserError } from '@graft-ml/core/internal/base/errors';
import type { DatasetImage } from '../data/dataset.ts';
import type { Classifier } from '../evaluate/classifier.ts';
import { chooseImages, openRunImages, type Part } from '../evaluate/evaluation-images.ts';
import type { OpenRunOptions } from '../evaluate/open-run.ts';
import { usablePaths } from '../runs/own-paths.ts';
import { readRun } from '../runs/read-run.ts';

/** Images of a run's dataset that an export in another number format looks at. */
export interface ExportImages {
  /** Those that the run was trained on, to calibrate with. */
  readonly training: readonly DatasetImage[];
  /** Those by which the run chose its best epoch. */
  readonly validation: readonly DatasetImage[];
  /** Those that the formats are compared on: the test part, or where there is none, the validation images. */
  readonly compared: readonly DatasetImage[];
  readonly part: Part;
}

/** Options of opening the images of a run. */
export interface ExportImagesOptions extends Pick<OpenRunOptions, 'openStore' | 'cache'> {
  /** Where the run's dataset is now, if it was moved, or if the run was made by someone else. */
  readonly data?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The images of a run's dataset, divided as the run divided them.
 *
 * @throws UserError where they cannot be read, or are not those of the run, so that training and test images could not
 * be told apart
 */
export async function exportImages(
  path: string,
  classifier: Classifier,
  { data, openStore, cache, signal }: ExportImagesOptions,
): Promise<ExportImages> {
  const run = await readRun(path, openStore);
  const { folder } = await usablePaths(path, run, { data });
  const opened = await openRunImages(run, folder, { cache, signal }, classifier);
  if (!opened.sameDataset) {
    throw new UserError(
      `${folder} does not hold the images that ${path} was trained on, so that its training images are not known. An ` +
        'export in another number format is calibrated and compared on the images of the run.',
    );
  }
  const { images, part } = chooseImages(opened, folder, {});
  const { train: training, validation } = opened.images;
  return { training, validation, compared: images, part };
}

/**
 * Images to choose by: the validation images, or where the formats are compared on these, training images that were not
 * calibrated with.
 */
export function heldOut({ training, validation, part }: ExportImages, calibrated: readonly unknown[]) {
  if (part === 'test' && validation.length > 0) return { part: 'validation', images: validation } as const;
  const seen = new Set(calibrated);
  const others = training.filter((image) => !seen.has(image));
  return { part: 'training', images: others.length > 0 ? others : training } as const;
}

/** Up to `count` of the images, spread evenly over all: in the order of a dataset, over its classes too. */
export function spread<T>(images: readonly T[], count: number): T[] {
  if (images.length <= count) return [...images];
  return Array.from({ length: count }, (_, i) => images[Math.floor((i * images.length) / count)]!);
}
