import type { Problem } from '@graft-ml/core/internal/image/problem';
import type { ContentKey } from '@graft-ml/core/internal/image/seen';
import type { Framing } from '@graft-ml/core/internal/image/transform';
import type { EpisodeSource } from '@graft-ml/core/internal/meta/episode';
import type { ClassSplit } from '@graft-ml/core/internal/recipe/meta/split';
import type { SideCounts } from '@graft-ml/core/internal/runs/meta-run';
import type { ImagePool } from '../data/image-pool.ts';
import type { ShapeOptions } from '../data/readers/found.ts';
import type { FolderCache } from '../files/cache-folder.ts';

/** A run's record of its episodes, which a resumed one compares. */
export interface EpisodeHeader {
  /** The folder as it was named. */
  readonly root: string;
  /** Pixels. */
  readonly side: number;
  /** The split as it was resolved, in the grammar of `EpisodeOptions.split`. */
  readonly split: string;
  readonly seed: number;
  readonly rotations: boolean | 'train';
  readonly train: SideCounts;
  readonly validation: SideCounts;
  readonly test: SideCounts;
  /** The memory that all images take together. */
  readonly bytes: number;
  /** SHA-256 over the names and the pixels of all images, whatever the split. */
  readonly fingerprint: string;
  /** The same as text, a line each. */
  readonly lines: readonly string[];
}

/** A dataset whose classes are divided: no class, and no rotation of it, is on two sides. */
export interface EpisodeSets {
  readonly train: EpisodeSource;
  readonly validation: EpisodeSource;
  readonly test: EpisodeSource;
  readonly header: EpisodeHeader;
  /** The content of the image files on each side. */
  readonly contents: Readonly<Record<'train' | 'validation' | 'test', readonly ContentKey[]>>;
  /** The files that were left out, and why, by path. */
  readonly problems: readonly Problem[];
  /** Notes on reading the dataset, a sentence each. */
  readonly notes: readonly string[];
}

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
