import { type Box, type ResizeTarget, type RgbImage, startResize } from './resize.ts';
import { type CropPlace, centreCrop, evaluationView, type Framing, type Size } from './transform.ts';

/*
 * Views of images as evaluation sees them, apart from `view.ts`, so that who only predicts loads no augmentation.
 */

export interface EvaluationRequest {
  readonly kind: 'evaluation';
  readonly preprocessing: Framing;
  /** Several crops, one after the other in the result. Default: the centre. */
  readonly places?: readonly CropPlace[];
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

/** The views of an evaluation: planar u8 (3, size, size), or as many of them as `places` asks for. */
export async function evaluationViews(image: ImageRows, request: EvaluationRequest, size: number): Promise<Uint8Array> {
  const { preprocessing, places = [centreCrop] } = request;
  const crops = await resizeImage(
    image,
    places.map((place) => viewAt(image, preprocessing, size, place)),
  );
  if (crops.length === 1) return crops[0]!;
  const pixels = new Uint8Array(crops.length * 3 * size * size);
  for (const [i, crop] of crops.entries()) pixels.set(crop, i * crop.length);
  return pixels;
}

/** The resize that an evaluation asks for at one place. */
export function viewAt(
  image: Size,
  framing: Framing,
  size: number,
  place?: CropPlace,
): { readonly box: Box; readonly target: ResizeTarget } {
  const { box, mirror } = evaluationView(image, framing, place);
  return { box, target: targetOf(framing, size, mirror) };
}

/** The resize of a view. */
export function targetOf({ interpolation }: Framing, size: number, mirror: boolean): ResizeTarget {
  return { width: size, height: size, mirror, interpolation };
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
