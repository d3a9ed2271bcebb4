import type { RandomStream } from '../base/random.ts';
import { roundHalfEven } from '../base/rounding.ts';
import type { Box, Interpolation } from './resize.ts';

/** The metadata of an image file that count: colour profile and orientation. */
export interface ImageReading {
  /** Whether colours go through an embedded colour profile to sRGB, as in a browser. Default: they do. */
  readonly colourProfile?: 'apply' | 'ignore' | undefined;
  /** Whether the image is turned upright, as its EXIF orientation says. Default: it is. */
  readonly orientation?: 'apply' | 'ignore' | undefined;
}

/** The reading and geometry that a model needs of an image; the rest of its preprocessing happens in the graph. */
export interface Framing extends ImageReading {
  /** The length of the shorter side after the resize, in pixels. */
  readonly resize: number;
  /** Both sides become `resize`, whatever the image's shape. Default: it keeps its shape. */
  readonly squash?: boolean | undefined;
  /** The side of the square that is cut from the centre, in pixels. */
  readonly crop: number;
  /** Default bilinear. */
  readonly interpolation?: Interpolation;
}

/** The distribution of random crops. */
export interface RandomCrop {
  /** The range of the crop's area, as a part of the image's. */
  readonly scale: readonly [number, number];
  /** The range of the crop's width / height, drawn log-uniformly. Default [3/4, 4/3], as in torchvision. */
  readonly ratio?: readonly [number, number];
}

/** The part of an image that a model sees: resize `box`, in source pixels, to the model's square. */
export interface View {
  readonly box: Box;
  readonly mirror: boolean;
}

/** A crop of the resized image: its position along each axis, and whether it is mirrored left to right. */
export interface CropPlace {
  readonly x: 'start' | 'centre' | 'end';
  readonly y: 'start' | 'centre' | 'end';
  readonly mirror: boolean;
}

/** The crop that evaluation uses. */
export const centreCrop: CropPlace = { x: 'centre', y: 'centre', mirror: false };

export interface Size {
  readonly width: number;
  readonly height: number;
}

/**
 * The view that equals torchvision's `Resize(resize)` followed by `CenterCrop(crop)`, as one box in source pixels; or
 * by one of the crops of `FiveCrop` and `TenCrop`.
 *
 * Where the resized image is smaller than the crop, the box is the centred one, reaches beyond the image, and `resize`
 * makes that part black, as `CenterCrop` pads.
 */
export function evaluationView(source: Size, framing: Framing, place: CropPlace = centreCrop): View {
  const { resize, crop, squash = false } = framing;
  const shorter = Math.min(source.width, source.height);
  // The longer side is cut to a whole pixel, so that the two axes differ slightly in scale.
  const resized = (side: number) => (squash ? resize : Math.trunc((resize * side) / shorter));
  const along = (side: number, at: CropPlace['x']) => {
    const scale = side / resized(side);
    return { start: offset(at, resized(side), crop) * scale, length: crop * scale };
  };
  const x = along(source.width, place.x);
  const y = along(source.height, place.y);
  return { box: { left: x.start, top: y.start, width: x.length, height: y.length }, mirror: place.mirror };
}

/** The first pixel of a crop in `side` pixels. */
function offset(at: CropPlace['x'], side: number, crop: number): number {
  if (at === 'centre' || crop > side) return centreOffset(side, crop);
  return at === 'start' ? 0 : side - crop;
}

/**
 * The first pixel of torchvision's `center_crop` in `side` pixels; negative where it pads, with the odd pixel at the
 * end.
 */
function centreOffset(side: number, crop: number): number {
  return crop > side ? -Math.floor((crop - side) / 2) : roundHalfEven((side - crop) / 2);
}

/** A random crop as in torchvision's `RandomResizedCrop.get_params`, drawn from `stream`. */
export function randomResizedCrop(
  stream: RandomStream,
  source: Size,
  { scale, ratio = [3 / 4, 4 / 3] }: RandomCrop,
): Box {
  return randomBox(stream, source, scale, ratio) ?? centreBox(source, ratio);
}

/** A crop of random area and shape at a random place, or nothing where ten shapes in a row did not fit. */
function randomBox(
  stream: RandomStream,
  source: Size,
  scale: readonly [number, number],
  ratio: readonly [number, number],
): Box | undefined {
  const between = (low: number, high: number) => low + (high - low) * stream.uniform();
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = source.width * source.height * between(...scale);
    const aspect = Math.exp(between(Math.log(ratio[0]), Math.log(ratio[1])));
    const width = roundHalfEven(Math.sqrt(area * aspect));
    const height = roundHalfEven(Math.sqrt(area / aspect));
    if (width > 0 && width <= source.width && height > 0 && height <= source.height) {
      const top = stream.integer(source.height - height + 1);
      const left = stream.integer(source.width - width + 1);
      return { left, top, width, height };
    }
  }
  return undefined;
}

/** The largest centred crop whose shape lies in `ratio`. */
function centreBox(source: Size, ratio: readonly [number, number]): Box {
  const aspect = source.width / source.height;
  const height = aspect < ratio[0] ? roundHalfEven(source.width / ratio[0]) : source.height;
  const width = aspect > ratio[1] ? roundHalfEven(source.height * ratio[1]) : source.width;
  return {
    left: Math.floor((source.width - width) / 2),
    top: Math.floor((source.height - height) / 2),
    width,
    height,
  };
}
