import type { RandomStream } from '../../base/random.ts';
import { roundHalfEven } from '../../base/rounding.ts';
import { evaluationView, type Framing, randomResizedCrop, type Size, type View } from '../transform.ts';
import { gaussianBlur } from './blur.ts';
import { brightness, contrast, greyscale, hue, saturation } from './colour.ts';
import { erase, type Region } from './erasing.ts';
import { flipVertically, rotate, type Sampling } from './geometry.ts';
import type { Colour, Planes } from './planes.ts';
import { autoAugment, randAugment, trivialAugment } from './policies.ts';

/** An operation that is drawn anew for every view of an image; probabilities and shares are in [0, 1]. */
export type RandomOperation =
  /** A part of the image, of a random area between two shares of it and a random shape. */
  | { readonly kind: 'crop'; readonly scale: readonly [number, number] }
  /** Left and right exchanged. */
  | { readonly kind: 'flip'; readonly probability: number }
  /** Top and bottom exchanged. */
  | { readonly kind: 'vflip'; readonly probability: number }
  /** Turned by up to so many degrees to either side. */
  | { readonly kind: 'rotate'; readonly degrees: number }
  /** Factors in [1 - x, 1 + x] (hue: turns in [-x, x]), applied in random order. */
  | {
      readonly kind: 'jitter';
      readonly brightness: number;
      readonly contrast: number;
      readonly saturation: number;
      readonly hue: number;
    }
  | { readonly kind: 'greyscale'; readonly probability: number }
  | { readonly kind: 'blur'; readonly probability: number }
  | { readonly kind: 'erase'; readonly probability: number }
  | { readonly kind: 'randaugment'; readonly count: number; readonly magnitude: number }
  | { readonly kind: 'trivialaugment' }
  | { readonly kind: 'autoaugment' };

/**
 * The augmentation of images in training, as data that is sent to the threads that make the views. Crop and flip are
 * part of the one resize, wherever they stand; without a crop the view is that of evaluation. The others follow on the
 * resized image, in their order. Each kind at most once.
 */
export type Augmentation = readonly RandomOperation[];

type Kind = RandomOperation['kind'];
type OperationOf<K extends Kind> = Extract<RandomOperation, { kind: K }>;

/** The part of an image that is seen, drawn from `stream`: torchvision's RandomResizedCrop and RandomHorizontalFlip. */
export function augmentedView(stream: RandomStream, source: Size, framing: Framing, augmentation: Augmentation): View {
  const crop = operationIn(augmentation, 'crop');
  const flip = operationIn(augmentation, 'flip');
  const box = crop ? randomResizedCrop(stream, source, crop) : evaluationView(source, framing).box;
  return { box, mirror: flip !== undefined && stream.uniform() < flip.probability };
}

/**
 * The rest of the augmentation, on the pixels of the view.
 *
 * Pixels that a rotation, shear or translation leaves empty, and erased ones, get `fill`. With the mean colour of the
 * preprocessing it is 0 after the normalisation (within half a grey level), as torchvision's RandomErasing, which
 * erases after it, leaves it.
 */
export function augmentedPixels(
  stream: RandomStream,
  image: Planes,
  augmentation: Augmentation,
  fill: Colour,
  note: (words: string) => void = () => {},
): Planes {
  return augmentation.reduce((current, operation) => draw(stream, current, operation, fill, note), image);
}

/**
 * What the augmentation of a view does, in a few words each: what is drawn from `stream` does not depend on pixels, so
 * that none are needed. It must be a stream of its own.
 */
export function describeAugmentation(
  stream: RandomStream,
  source: Size,
  framing: Framing,
  augmentation: Augmentation,
): string[] {
  const { box, mirror } = augmentedView(stream, source, framing, augmentation);
  const share = (box.width * box.height) / (source.width * source.height);
  const done = operationIn(augmentation, 'crop') ? [`crop ${Math.round(100 * share)} %`] : [];
  if (mirror) done.push('mirrored');
  const { crop: side } = framing;
  const blank = { width: side, height: side, data: new Uint8Array(3 * side * side) };
  augmentedPixels(stream, blank, augmentation, [0, 0, 0], (words) => done.push(words));
  return done;
}

/** Hears in words of an operation that is applied. */
type Note = (words: string) => void;

function operationIn<K extends Kind>(augmentation: Augmentation, kind: K): OperationOf<K> | undefined {
  return augmentation.find((operation): operation is OperationOf<K> => operation.kind === kind);
}

function draw<K extends Kind>(
  stream: RandomStream,
  image: Planes,
  operation: OperationOf<K>,
  fill: Colour,
  note: Note,
): Planes {
  return drawn[operation.kind as K](stream, image, operation, fill, note);
}

/** The reference scripts of torchvision sample the automatic policies like this, too. */
const sampling = (fill: Colour): Sampling => ({ interpolation: 'bilinear', fill });

const between = (stream: RandomStream, low: number, high: number) => low + (high - low) * stream.uniform();

/** Applies an operation at its probability, and notes it where that is so. */
function perhaps(
  stream: RandomStream,
  { probability }: { readonly probability: number },
  image: Planes,
  apply: (image: Planes) => Planes,
  note: () => void,
): Planes {
  if (stream.uniform() >= probability) return image;
  note();
  return apply(image);
}

const drawn: {
  readonly [K in Kind]: (
    stream: RandomStream,
    image: Planes,
    operation: OperationOf<K>,
    fill: Colour,
    note: Note,
  ) => Planes;
} = {
  crop: (_, image) => image,
  flip: (_, image) => image,
  vflip: (stream, image, operation, _, note) =>
    perhaps(stream, operation, image, flipVertically, () => note('upside down')),
  rotate: (stream, image, { degrees }, fill, note) => {
    const angle = between(stream, -degrees, degrees);
    note(`rotated ${Math.round(angle)}°`);
    return rotate(image, angle, sampling(fill));
  },
  jitter,
  greyscale: (stream, image, operation, _, note) => perhaps(stream, operation, image, greyscale, () => note('grey')),
  blur: (stream, image, operation, _, note) =>
    perhaps(
      stream,
      operation,
      image,
      () => randomBlur(stream, image),
      () => note('blurred'),
    ),
  erase: (stream, image, { probability }, fill, note) => {
    const region = stream.uniform() < probability ? randomRegion(stream, image) : undefined;
    if (region) note('erased');
    return region ? erase(image, region, fill) : image;
  },
  randaugment: (stream, image, policy, fill, note) => {
    note('RandAugment');
    return randAugment(stream, image, policy, sampling(fill));
  },
  trivialaugment: (stream, image, _, fill, note) => {
    note('TrivialAugment');
    return trivialAugment(stream, image, sampling(fill));
  },
  autoaugment: (stream, image, _, fill, note) => {
    note('AutoAugment');
    return autoAugment(stream, image, sampling(fill));
  },
};

/** torchvision's ColorJitter. */
function jitter(stream: RandomStream, image: Planes, widths: OperationOf<'jitter'>, _fill: Colour, note: Note): Planes {
  note('colours');
  const factor = (width: number) => between(stream, Math.max(0, 1 - width), 1 + width);
  const changes = [
    { width: widths.brightness, change: brightness, amount: factor },
    { width: widths.contrast, change: contrast, amount: factor },
    { width: widths.saturation, change: saturation, amount: factor },
    { width: widths.hue, change: hue, amount: (width: number) => between(stream, -width, width) },
  ];
  return stream
    .shuffle(changes)
    .reduce((current, { width, change, amount }) => (width > 0 ? change(current, amount(width)) : current), image);
}

/**
 * A standard deviation of 0.1 to 2 pixels, as in torchvision's GaussianBlur; the kernel ends 3 of them from its centre.
 */
function randomBlur(stream: RandomStream, image: Planes): Planes {
  const sigma = between(stream, 0.1, 2);
  const reach = Math.min(Math.ceil(3 * sigma), Math.min(image.width, image.height) - 1);
  return gaussianBlur(image, 2 * reach + 1, sigma);
}

/**
 * torchvision's RandomErasing: 2 to 33 % of the area, height / width from 0.3 to 3.3; nothing where ten shapes did not
 * fit.
 */
export function randomRegion(stream: RandomStream, image: Planes): Region | undefined {
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = image.width * image.height * between(stream, 0.02, 0.33);
    const aspect = Math.exp(between(stream, Math.log(0.3), Math.log(3.3)));
    const height = roundHalfEven(Math.sqrt(area * aspect));
    const width = roundHalfEven(Math.sqrt(area / aspect));
    if (height < image.height && width < image.width) {
      const top = stream.integer(image.height - height + 1);
      const left = stream.integer(image.width - width + 1);
      return { left, top, width, height };
    }
  }
  return undefined;
}
