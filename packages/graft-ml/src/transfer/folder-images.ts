import { resolve } from 'node:path';
import type { ImageView } from '@graft-ml/core/internal/fit/examples';
import { imageSource } from '@graft-ml/core/internal/fit/image-batches';
import type { Source } from '@graft-ml/core/internal/fit/source';
import type { NotedDataset, NotedImages } from '@graft-ml/core/internal/runs/noted-images';
import { optionsInConfig } from '../data/configured.ts';
import { type Dataset, type DatasetImage, type DatasetOptions, fingerprint } from '../data/dataset.ts';
import type { ImagePool } from '../data/image-pool.ts';

/** A dataset, and the options by which it was opened and divided. */
export interface OpenedDataset {
  readonly dataset: Dataset;
  readonly options: DatasetOptions;
}

/** The images of one part of a folder with their labels, for `fit` and `model.evaluate`. */
export class FolderImages implements NotedImages {
  /** The dataset that they are a part of. */
  readonly origin: OpenedDataset;
  readonly images: readonly DatasetImage[];
  readonly labels: readonly number[];
  /** SHA-256 of each file. */
  readonly keys: readonly string[];
  readonly #pool: ImagePool;
  readonly #onDecoded: (image: DatasetImage) => void;

  /** @param onDecoded hears of images that were decoded whole, but not by the pool */
  constructor(
    origin: OpenedDataset,
    part: 'train' | 'validation' | 'test',
    pool: ImagePool,
    onDecoded: (image: DatasetImage) => void = () => {},
  ) {
    const images = origin.dataset[part];
    this.origin = origin;
    this.images = images;
    this.labels = images.map(({ label }) => label);
    this.keys = images.map(({ sha256 }) => sha256);
    this.#pool = pool;
    this.#onDecoded = onDecoded;
  }

  get size(): number {
    return this.images.length;
  }

  get decoder(): string {
    return this.#pool.identity;
  }

  view(how: ImageView): Source {
    const { images, labels } = this;
    return imageSource({ labels, view: (i, request, size) => this.#pool.view(images[i]!, request, size) }, how);
  }

  /** Notes that an image was decoded whole on another machine, so that it need not be decoded here. */
  decodedElsewhere(index: number): void {
    this.#onDecoded(this.images[index]!);
  }

  /** The dataset as a run notes it. */
  noted(): NotedDataset {
    const { dataset, options } = this.origin;
    return {
      dataset,
      folder: resolve(dataset.root),
      fingerprint: fingerprint(dataset),
      options: optionsInConfig(options),
      seen: options.seen ?? null,
    };
  }
}
