import type { ImageDecoder } from '@graft-ml/core/internal/image/decoder';
import type { Problem } from '@graft-ml/core/internal/image/problem';
import { type Dataset, type DatasetOptions, openDataset } from '../data/dataset.ts';
import { openImagePool } from '../data/decoder-pool.ts';
import { FolderImages } from './folder-images.ts';

export interface ImageFolderOptions
  extends Omit<DatasetOptions, 'validationFraction' | 'testFraction' | 'fold' | 'pool' | 'decode'> {
  /** The part of each class that validates, where the folder has no validation part of its own. Default 0.2. */
  readonly validation?: number;
  /** The part of each class that is kept for testing, where the folder has no test part of its own. Default 0. */
  readonly test?: number;
  /** The image decoder of the program. It stays its owner's. Default: threads, which end with `close`. */
  readonly decoder?: ImageDecoder;
}

/** A folder of labelled images, divided. It has threads that decode until `close`. */
export interface ImageFolder extends AsyncDisposable {
  readonly classes: readonly string[];
  readonly train: FolderImages;
  readonly validation: FolderImages;
  readonly test: FolderImages;
  /** The files that were left out, and why, by path. */
  readonly problems: readonly Problem[];
  /** Notes on reading the dataset, a sentence each. */
  readonly notes: readonly string[];
  readonly dataset: Dataset;
  close(): Promise<void>;
}

/**
 * Opens labelled images, torchvision's `ImageFolder`: `root/<class>/**`, divided by a seeded stratified split, or
 * `root/{train,val,test}/<class>/**`; also lists, archives and Parquet files, as `openDataset` does. Every image is
 * decoded once to see whether it is damaged; what cannot be used is in `problems`.
 *
 * @throws UserError where there is no such dataset, no usable image, or fewer than two classes
 * @example
 * await using images = await imageFolder('photos', { validation: 0.2, seed: 1 });
 * const model = await loadModel('resnet18', { classes: images.classes });
 */
export async function imageFolder(root: string, options: ImageFolderOptions = {}): Promise<ImageFolder> {
  const { validation, test, decoder, ...others } = options;
  const pool = openImagePool(decoder);
  try {
    const division = {
      ...others,
      ...(validation !== undefined && { validationFraction: validation }),
      ...(test !== undefined && { testFraction: test }),
    };
    const dataset = await openDataset(root, { ...division, pool });
    const origin = { dataset, options: division };
    const close = () => pool.close();
    return {
      classes: dataset.classes,
      train: new FolderImages(origin, 'train', pool),
      validation: new FolderImages(origin, 'validation', pool),
      test: new FolderImages(origin, 'test', pool),
      problems: dataset.problems,
      notes: dataset.notes,
      dataset,
      close,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await pool.close();
    throw error;
  }
}
