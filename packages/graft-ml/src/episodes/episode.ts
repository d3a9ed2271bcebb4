import type { Framing } from '@graft-ml/core/internal/image/transform';
import type { ClassSplit } from '@graft-ml/core/internal/recipe/meta/split';
import type { ImagePool } from '../data/image-pool.ts';
import type { ShapeOptions } from '../data/readers/found.ts';
import type { FolderCache } from '../files/cache-folder.ts';

/** The view is that of evaluation: the shorter side becomes `resize` pixels (default: `side`), the centre is kept. */
export interface EpisodeOptions extends Partial<Omit<Framing, 'crop'>>, ShapeOptions {
  /** The side of the square images, in pixels. */
  readonly side: number;
  /**
   * The split of classes for training, validation and testing. Default `auto`.
   *
   * | split | divides |
   * |---|---|
   * | `'auto'` | by the folders train, val and test where there are such; Omniglot as 1200 and 423; else 60, 20 and 20
   * per cent (see `untrainedWay`) |
   * | `{ percent: { train: 60, validation: 20, test: 20 } }` | that part of the classes, seeded |
   * | `{ classes: { train: 1100, validation: 100, test: 423 } }` | that many classes, seeded; the rest is not used |
   * | without `validation` | as above, with a twelfth of the training classes for validation |
   * | `'background/evaluation'` | Omniglot's two sets; a twelfth of the first is for validation |
   * | `{ folder: 'Futurama' }`, alone or with numbers | the classes in this folder alone, by 60, 20 and 20 per cent or
   * as it says |
   */
  readonly split?: ClassSplit;
  /**
   * Every class is also there turned by 90, 180 and 270 degrees, as classes of their own; `train`: on that side alone.
   * Default false.
   */
  readonly rotations?: boolean | 'train';
  /** Decides the split and the episodes. Default 0. */
  readonly seed?: number;
  /**
   * For learners that are not meta-trained, the classes of their episodes: where the split `auto` would leave a side
   * with fewer, every class is on every side (`all`).
   */
  readonly untrainedWay?: number | undefined;
  /** Classes with fewer images are left out and reported: `shots + queries` of the episodes to come. Default 1. */
  readonly perClass?: number;
  /** The most that the images may take in memory, in MiB. Default 2048. */
  readonly memory?: number;
  /** Keeps decoded images for the next run; null: they are decoded anew. Default: `defaultCache()`. */
  readonly cache?: FolderCache | null | undefined;
  /** The threads to decode with; without it a pool is opened and closed. */
  readonly pool?: ImagePool;
  /** Called as images are decoded. */
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}
