import type { Examples, ImageSet } from '../fit/examples.ts';
import type { ImageDataset, ImageRecord } from '../image/dataset.ts';
import type { Seen } from '../image/seen.ts';
import type { TrainConfig } from '../recipe/config/index.ts';

/** A dataset as a run notes it. */
export interface NotedDataset {
  readonly dataset: ImageDataset;
  /** Its place; '' where it has none. */
  readonly folder: string;
  /** The identity of its content. */
  readonly fingerprint: string;
  /** The options by which it is opened and divided again as it was. */
  readonly options: Partial<TrainConfig>;
  /** The images that decided the split. */
  readonly seen: Seen | null;
}

/** Images of one part of a dataset, whose contents are known: what `openCollection` and `imageFolder` give. */
export interface NotedImages extends ImageSet {
  readonly images: readonly ImageRecord[];
  /** The same object for all parts of one dataset. */
  readonly origin: object;
  noted(): NotedDataset;
}

export function isNoted(examples: Examples): examples is NotedImages {
  return 'noted' in examples && 'images' in examples && 'origin' in examples;
}
