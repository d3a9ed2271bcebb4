import type { PictureFile } from './decode.ts';
import type { PicturePool } from './picture-pool.ts';
import type { EvaluationRequest, TrainingRequest, ViewRequest } from './picture-worker.ts';

/** Pictures as a model takes them in; n is always the batch size. */
export interface Batch {
  /** u8 (n, 3, size, size), not yet normalised. */
  readonly pixels: Uint8Array;
  /** (n) */
  readonly labels: Int32Array;
  /** (n): 1, or 0 where the batch was filled up. */
  readonly weights: Float32Array;
  /** (n): positions in `pictures`. */
  readonly indices: Int32Array;
}

export interface LabelledPicture extends PictureFile {
  readonly label: number;
}

export interface BatchOptions {
  readonly batchSize: number;
  /** The side of the square pictures, in pixels. */
  readonly size: number;
  /** What is wanted of every picture. */
  readonly view: EvaluationRequest | Omit<TrainingRequest, 'index'>;
  /** Which pictures, in which order: positions in `pictures`. */
  readonly order: readonly number[];
  /** What becomes of a last batch that is not full: left out, or filled up with its first picture at weight 0. */
  readonly lastBatch: 'drop' | 'pad';
  /** How many batches are prepared while the consumer works on one. Default 2; the memory of `prefetch` + 1 batches is in use. */
  readonly prefetch?: number;
}

/**
 * The pictures of `order` in batches, decoded ahead by the pool's threads.
 *
 * Whenever a batch is handed out, all of the next `prefetch` batches are already queued in the threads, so that they work on
 * while the consumer blocks the event loop. A consumer that stops early leaves at most those to the threads to finish.
 *
 * @throws PictureError (by rejection) with the path of a file that has vanished or changed since it was checked
 */
export async function* batches(
  pool: PicturePool,
  pictures: readonly LabelledPicture[],
  options: BatchOptions,
): AsyncGenerator<Batch, void, undefined> {
  const { batchSize, order, prefetch = 2 } = options;
  verify(options, pictures.length);
  const count = (options.lastBatch === 'drop' ? Math.floor : Math.ceil)(order.length / batchSize);
  const ahead: Promise<Batch>[] = [];
  for (let next = 0, given = 0; given < count; given++) {
    for (; next < Math.min(given + 1 + prefetch, count); next++) {
      const batch = loadBatch(pool, pictures, order.slice(next * batchSize, (next + 1) * batchSize), options);
      batch.catch(() => {}); // a failure is the consumer's when its turn comes, and nobody's after an early return
      ahead.push(batch);
    }
    yield await ahead.shift()!;
  }
}

/** One batch of the pictures at `indices`. Everything is asked of the pool before this returns. */
async function loadBatch(
  pool: PicturePool,
  pictures: readonly LabelledPicture[],
  indices: readonly number[],
  { batchSize, size, view }: BatchOptions,
): Promise<Batch> {
  const views = indices.map((index) => {
    const request: ViewRequest = view.kind === 'training' ? { ...view, index } : view;
    return pool.view(pictures[index]!, request, size);
  });
  const filled = Array.from({ length: batchSize }, (_, i) => indices[i] ?? indices[0]!);
  const pixels = new Uint8Array(batchSize * 3 * size * size);
  (await Promise.all(views)).forEach((planes, i, loaded) => {
    pixels.set(planes, i * planes.length);
    if (i === 0) for (let pad = loaded.length; pad < batchSize; pad++) pixels.set(planes, pad * planes.length);
  });
  return {
    pixels,
    labels: Int32Array.from(filled, (index) => pictures[index]!.label),
    weights: Float32Array.from(filled, (_, i) => (i < indices.length ? 1 : 0)),
    indices: Int32Array.from(filled),
  };
}

function verify({ batchSize, size, view, order, prefetch = 2 }: BatchOptions, pictures: number): void {
  if (!Number.isInteger(batchSize) || batchSize < 1)
    throw new RangeError(`batches: batchSize is ${batchSize}, not 1 or more`);
  if (!Number.isInteger(prefetch) || prefetch < 0)
    throw new RangeError(`batches: prefetch is ${prefetch}, not 0 or more`);
  if (view.preprocessing.crop !== size) {
    throw new RangeError(`batches: size is ${size}, the preprocessing crops to ${view.preprocessing.crop}`);
  }
  const stray = order.find((index) => !(Number.isInteger(index) && index >= 0 && index < pictures));
  if (stray !== undefined) throw new RangeError(`batches: order holds ${stray}, there are ${pictures} pictures`);
}
