import { type BatchOptions, type ImageBatch, imageBatches } from '@graft-ml/core/internal/fit/image-batches';
import type { ImageFile } from './decode.ts';
import type { ImagePool } from './image-pool.ts';

export interface LabelledImageFile extends ImageFile {
  readonly label: number;
}

/**
 * The images of `order` in batches, decoded ahead by the pool's threads.
 *
 * Whenever a batch is handed out, all of the next `prefetch` batches are already queued in the threads, so that they
 * work on while the consumer blocks the event loop. A consumer that stops early leaves at most those to the threads to
 * finish.
 *
 * @throws ImageError (by rejection) with the path of a file that has vanished or changed since it was checked
 */
export function batches(
  pool: ImagePool,
  images: readonly LabelledImageFile[],
  options: BatchOptions,
): AsyncGenerator<ImageBatch, void, undefined> {
  const labels = images.map(({ label }) => label);
  return imageBatches({ labels, view: (index, request, size) => pool.view(images[index]!, request, size) }, options);
}
