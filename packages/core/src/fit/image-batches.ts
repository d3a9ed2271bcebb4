import { tensor } from '../base/tensor.ts';
import type { Colour } from '../image/augment/planes.ts';
import type { EvaluationRequest, TrainingRequest, ViewRequest } from '../image/view.ts';
import type { Preprocessing } from '../models/index.ts';
import type { ImageView } from './examples.ts';
import { labelTensor, type Source } from './source.ts';

/** Labelled images that can be looked at one by one, whatever holds them. */
export interface ViewedImages {
  /** The position of each image's class. */
  readonly labels: readonly number[];
  /** A view of an image as planar u8 (3, size, size). @throws ImageError (by rejection) where it cannot be used */
  view(index: number, request: ViewRequest, size: number): Promise<Uint8Array>;
}

/** Images as a model takes them in; n is always the batch size. */
export interface ImageBatch {
  /** u8 (n, 3, size, size), not yet normalised. */
  readonly pixels: Uint8Array;
  /** (n) */
  readonly labels: Int32Array;
  /** (n): 1, or 0 where the batch was filled up. */
  readonly weights: Float32Array;
  /** (n): positions in the images. */
  readonly indices: Int32Array;
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
 * The images of `order` in batches, looked at ahead.
 *
 * Whenever a batch is handed out, all of the next `prefetch` batches are already asked for, so that what decodes them
 * works on while the consumer is busy. A consumer that stops early leaves at most those to be finished.
 *
 * @throws ImageError (by rejection) where an image cannot be used after all
 */
export async function* imageBatches(
  images: ViewedImages,
  options: BatchOptions,
): AsyncGenerator<ImageBatch, void, undefined> {
  const { batchSize, order, prefetch = 2 } = options;
  verify(options, images.labels.length);
  const count = (options.lastBatch === 'drop' ? Math.floor : Math.ceil)(order.length / batchSize);
  const ahead: Promise<ImageBatch>[] = [];
  for (let next = 0, given = 0; given < count; given++) {
    for (; next < Math.min(given + 1 + prefetch, count); next++) {
      const batch = loadBatch(images, order.slice(next * batchSize, (next + 1) * batchSize), options);
      batch.catch(() => {}); // a failure is the consumer's when its turn comes, and nobody's after an early return
      ahead.push(batch);
    }
    yield await ahead.shift()!;
  }
}

/** One batch of the images at `indices`. Every view is asked for before this returns. */
async function loadBatch(
  images: ViewedImages,
  indices: readonly number[],
  { batchSize, size, view }: BatchOptions,
): Promise<ImageBatch> {
  const views = indices.map((index) => {
    const request: ViewRequest = view.kind === 'training' ? { ...view, index } : view;
    return images.view(index, request, size);
  });
  const filled = Array.from({ length: batchSize }, (_, i) => indices[i] ?? indices[0]!);
  const pixels = new Uint8Array(batchSize * 3 * size * size);
  (await Promise.all(views)).forEach((planes, i, loaded) => {
    pixels.set(planes, i * planes.length);
    if (i === 0) for (let pad = loaded.length; pad < batchSize; pad++) pixels.set(planes, pad * planes.length);
  });
  return {
    pixels,
    labels: Int32Array.from(filled, (index) => images.labels[index]!),
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

/** The view of every image in an epoch: as evaluation sees it, or augmented anew. */
export function viewIn(epoch: number, { preprocessing, augmentation = [], seed = 0 }: ImageView): BatchOptions['view'] {
  return augmentation.length > 0
    ? { kind: 'training', preprocessing, fill: meanColour(preprocessing), epoch, seed, augmentation }
    : { kind: 'evaluation', preprocessing };
}

/** Images as evaluation sees them, or augmented anew in each epoch, looked at ahead. */
export function imageSource(images: ViewedImages, how: ImageView): Source {
  const size = how.preprocessing.crop;
  return {
    size: images.labels.length,
    async *batches({ batchSize, order, lastBatch, epoch }) {
      const options = { batchSize, size, order, lastBatch, view: viewIn(epoch, how) };
      for await (const { pixels, labels, weights } of imageBatches(images, options)) {
        yield {
          inputs: tensor('u8', [batchSize, 3, size, size], pixels),
          targets: labelTensor(labels),
          weights: tensor('f32', [batchSize], weights),
        };
      }
    },
  };
}

/** The colour that is 0 after the normalisation, to the nearest grey level. */
export function meanColour({ mean: [red, green, blue] }: Preprocessing): Colour {
  return [Math.round(255 * red), Math.round(255 * green), Math.round(255 * blue)];
}
