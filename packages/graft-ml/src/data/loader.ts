import type { EvaluationRequest, TrainingRequest, ViewRequest } from '@graft-ml/core/internal/image/view';
import type { ImageFile } from './decode.ts';
import type { ImagePool } from './image-pool.ts';

/** Images as a model takes them in; n is always the batch size. */
export interface Batch {
  /** u8 (n, 3, size, size), not yet normalised. */
  readonly pixels: Uint8Array;
  /** (n) */
  readonly labels: Int32Array;
  /** (n): 1, or 0 where the batch was filled up. */
  readonly weights: Float32Array;
  /** (n): positions in `images`. */
  readonly indices: Int32Array;
}

export interface LabelledImageFile extends ImageFile {
  readonly label: number;
}

export interface BatchOptions {
  readonly batchSize: number;
  /** The side of the square images, in pixels. */
  readonly size: number;
  /** The view of every image. */
  readonly view: EvaluationRequest | Omit<TrainingRequest, 'index'>;
  /** The order of the images: positions in `images`. */
  readonly order: readonly number[];
  /** Whether a last batch that is not full is left out, or filled up with its first image at weight 0. */
  readonly lastBatch: 'drop' | 'pad';
  /**
   * The number of batches prepared while the consumer works on one. Default 2; the memory of `prefetch` + 1 batches is
   * in use.
   */
  readonly prefetch?: number;
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
export async function* batches(
  pool: ImagePool,
  images: readonly LabelledImageFile[],
  options: BatchOptions,
): AsyncGenerator<Batch, void, undefined> {
  const { batchSize, order, prefetch = 2 } = options;
  verify(options, images.length);
  const count = (options.lastBatch === 'drop' ? Math.floor : Math.ceil)(order.length / batchSize);
  const ahead: Promise<Batch>[] = [];
  for (let next = 0, given = 0; given < count; given++) {
    for (; next < Math.min(given + 1 + prefetch, count); next++) {
      const batch = loadBatch(pool, images, order.slice(next * batchSize, (next + 1) * batchSize), options);
      batch.catch(() => {}); // a failure is the consumer's when its turn comes, and nobody's after an early return
      ahead.push(batch);
    }
    yield await ahead.shift()!;
  }
}

/** One batch of the images at `indices`. Everything is asked of the pool before this returns. */
async function loadBatch(
  pool: ImagePool,
  images: readonly LabelledImageFile[],
  indices: readonly number[],
  { batchSize, size, view }: BatchOptions,
): Promise<Batch> {
  const views = indices.map((index) => {
    const request: ViewRequest = view.kind === 'training' ? { ...view, index } : view;
    return pool.view(images[index]!, request, size);
  });
  const filled = Array.from({ length: batchSize }, (_, i) => indices[i] ?? indices[0]!);
  const pixels = new Uint8Array(batchSize * 3 * size * size);
  (await Promise.all(views)).forEach((planes, i, loaded) => {
    pixels.set(planes, i * planes.length);
    if (i === 0) for (let pad = loaded.length; pad < batchSize; pad++) pixels.set(planes, pad * planes.length);
  });
  return {
    pixels,
    labels: Int32Array.from(filled, (index) => images[index]!.label),
    weights: Float32Array.from(filled, (_, i) => (i < indices.length ? 1 : 0)),
    indices: Int32Array.from(filled),
  };
}

function verify({ batchSize, size, view, order, prefetch = 2 }: BatchOptions, images: number): void {
  if (!Number.isInteger(batchSize) || batchSize < 1)
    throw new RangeError(`batches: batchSize is ${batchSize}, not 1 or more`);
  if (!Number.isInteger(prefetch) || prefetch < 0)
    throw new RangeError(`batches: prefetch is ${prefetch}, not 0 or more`);
  if (view.preprocessing.crop !== size) {
    throw new RangeError(`batches: size is ${size}, the preprocessing crops to ${view.preprocessing.crop}`);
  }
  const stray = order.find((index) => !(Number.isInteger(index) && index >= 0 && index < images));
  if (stray !== undefined) throw new RangeError(`batches: order holds ${stray}, there are ${images} images`);
}
