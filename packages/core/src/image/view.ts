import { randomStream } from '../base/random.ts';
import { type Augmentation, augmentedPixels, augmentedView, describeAugmentation } from './augment/augmentation.ts';
import type { Colour } from './augment/planes.ts';
import { type Box, type ResizeTarget, type RgbImage, startResize } from './resize.ts';
import { type CropPlace, centreCrop, evaluationView, type Framing, type Size } from './transform.ts';

/** A request for a view of an image. */
export type ViewRequest = EvaluationRequest | TrainingRequest;

export interface EvaluationRequest {
  readonly kind: 'evaluation';
  readonly preprocessing: Framing;
  /** Several crops, one after the other in the result. Default: the centre. */
  readonly places?: readonly CropPlace[];
}

/** The image as it is augmented: a function of (seed, epoch, index) alone. */
export interface TrainingRequest {
  readonly kind: 'training';
  readonly preprocessing: Framing;
  readonly augmentation: Augmentation;
  /** The colour of empty and erased pixels: the mean colour of the preprocessing. */
  readonly fill: Colour;
  readonly seed: number;
  readonly epoch: number;
  readonly index: number;
}

/**
 * An image whose pixels come in bands of rows, so that a large one need not be in memory as a whole. Its sizes are
 * upright.
 */
export interface ImageRows extends Size {
  /**
   * Hands at least the rows [first, last) to `use`, in bands from top to bottom; `top` is the number of a band's first
   * row.
   * @throws ImageError (by rejection) where they are damaged
   */
  decode(first: number, last: number, use: (rows: RgbImage, top: number) => void): Promise<void>;
}

/** The rows of an image that is decoded. */
export function rowsOf(image: RgbImage): ImageRows {
  return { width: image.width, height: image.height, decode: async (_first, _last, use) => use(image, 0) };
}

/** A model's input from an image: planar u8 (3, size, size), or as many of them as `places` asks for. */
export async function viewOf(image: ImageRows, request: ViewRequest, size: number): Promise<Uint8Array> {
  return request.kind === 'evaluation' ? evaluationViews(image, request, size) : training(image, request, size);
}

/** The views of an evaluation, without the code of augmentations. */
export async function evaluationViews(image: ImageRows, request: EvaluationRequest, size: number): Promise<Uint8Array> {
  const { preprocessing, places = [centreCrop] } = request;
  const crops = await resizeImage(
    image,
    places.map((place) => {
      const { box, mirror } = evaluationView(image, preprocessing, place);
      return { box, target: targetOf(preprocessing, size, mirror) };
    }),
  );
  if (crops.length === 1) return crops[0]!;
  const pixels = new Uint8Array(crops.length * 3 * size * size);
  for (const [i, crop] of crops.entries()) pixels.set(crop, i * crop.length);
  return pixels;
}

async function training(image: ImageRows, request: TrainingRequest, size: number): Promise<Uint8Array> {
  const { preprocessing, augmentation, fill, seed, epoch, index } = request;
  const stream = randomStream(seed, 'augment', epoch, index);
  const { box, mirror } = augmentedView(stream, image, preprocessing, augmentation);
  const [data] = await resizeImage(image, [{ box, target: targetOf(preprocessing, size, mirror) }]);
  return augmentedPixels(stream, { width: size, height: size, data: data! }, augmentation, fill).data;
}

/** What the augmentation of a view does to an image of that size, in a few words each: `crop 62 %`, `mirrored`. */
export function describeTraining(source: Size, request: TrainingRequest): string[] {
  const { preprocessing, augmentation, seed, epoch, index } = request;
  return describeAugmentation(randomStream(seed, 'augment', epoch, index), source, preprocessing, augmentation);
}

function targetOf({ interpolation }: Framing, size: number, mirror: boolean): ResizeTarget {
  return { width: size, height: size, mirror, ...(interpolation && { interpolation }) };
}

/** Several views of an image in one pass over its rows: for each, planar u8 (3, height, width) as `resize` makes it. */
export async function resizeImage(
  image: ImageRows,
  views: readonly { readonly box: Box; readonly target: ResizeTarget }[],
): Promise<Uint8Array[]> {
  const started = views.map(({ box, target }) => startResize(image, box, target));
  const first = Math.min(...started.map(({ firstRow }) => firstRow));
  const last = Math.max(...started.map(({ lastRow }) => lastRow));
  await image.decode(first, last, (rows, top) => {
    for (const one of started) one.add(rows, top);
  });
  return started.map((one, i) => {
    const { width, height } = views[i]!.target;
    const pixels = new Uint8Array(3 * height * width);
    one.finish(pixels);
    return pixels;
  });
}
