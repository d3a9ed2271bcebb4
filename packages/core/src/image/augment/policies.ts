import type { RandomStream } from '../../base/random.ts';
import { sharpness } from './blur.ts';
import { autocontrast, brightness, contrast, equalize, invert, posterize, saturation, solarize } from './colour.ts';
import { rotate, type Sampling, shearX, shearY, translate } from './geometry.ts';
import type { Planes } from './planes.ts';

/** The operations that the automatic policies are made of, under the names of their papers. */
const operations = {
  Identity: (image) => image,
  ShearX: shearX,
  ShearY: shearY,
  TranslateX: (image, pixels, sampling) => translate(image, Math.trunc(pixels), 0, sampling),
  TranslateY: (image, pixels, sampling) => translate(image, 0, Math.trunc(pixels), sampling),
  Rotate: rotate,
  Brightness: (image, change) => brightness(image, 1 + change),
  Color: (image, change) => saturation(image, 1 + change),
  Contrast: (image, change) => contrast(image, 1 + change),
  Sharpness: (image, change) => sharpness(image, 1 + change),
  Posterize: posterize,
  Solarize: solarize,
  AutoContrast: autocontrast,
  Equalize: equalize,
  Invert: invert,
} satisfies Record<string, (image: Planes, magnitude: number, sampling: Sampling) => Planes>;

export type PolicyOperation = keyof typeof operations;

/**
 * The strengths of an operation: one magnitude per bin, or null where there is but one strength; signed: in either
 * direction.
 */
export interface Strengths {
  readonly magnitudes: readonly number[] | null;
  readonly signed: boolean;
}

/** The operations of a policy with their strengths, in the order in which they are drawn. */
export type PolicySpace = Readonly<Partial<Record<PolicyOperation, Strengths>>>;

/** The bins of RandAugment and TrivialAugment in torchvision; magnitude 9 is a little less than a third of the way. */
export const policyBins = 31;

/** RandAugment (Cubuk et al. 2019): `count` operations in a row, drawn evenly, all of them at the same bin. */
export function randAugment(
  stream: RandomStream,
  image: Planes,
  { count, magnitude }: { count: number; magnitude: number },
  sampling: Sampling,
): Planes {
  const space = randAugmentSpace(image);
  let result = image;
  for (let i = 0; i < count; i++) result = applyFrom(stream, result, space, () => magnitude, sampling);
  return result;
}

/** TrivialAugment, wide space (Müller and Hutter 2021): one operation, at a bin drawn evenly. */
export function trivialAugment(stream: RandomStream, image: Planes, sampling: Sampling): Planes {
  return applyFrom(stream, image, trivialAugmentSpace, () => stream.integer(policyBins), sampling);
}

/** AutoAugment (Cubuk et al. 2018) with the policy that was found on ImageNet: one of its 25 pairs of operations. */
export function autoAugment(stream: RandomStream, image: Planes, sampling: Sampling): Planes {
  const space = autoAugmentSpace(image);
  const pair = imageNetPolicy[stream.integer(imageNetPolicy.length)]!;
  let result = image;
  for (const [name, probability, bin] of pair) {
    if (stream.uniform() < probability) {
      result = operations[name](result, strength(stream, space[name]!, bin ?? 0), sampling);
    }
  }
  return result;
}

function applyFrom(
  stream: RandomStream,
  image: Planes,
  space: PolicySpace,
  bin: () => number,
  sampling: Sampling,
): Planes {
  const names = Object.keys(space) as PolicyOperation[];
  const name = names[stream.integer(names.length)]!;
  return operations[name](image, strength(stream, space[name]!, bin()), sampling);
}

function strength(stream: RandomStream, { magnitudes, signed }: Strengths, bin: number): number {
  const magnitude = magnitudes?.[bin] ?? 0;
  return signed && stream.integer(2) === 1 ? -magnitude : magnitude;
}

const steady: Strengths = { magnitudes: null, signed: false };

/** Magnitudes from 0 to `end`, in either direction. */
const upTo = (end: number, bins: number): Strengths => ({ magnitudes: evenly(0, end, bins), signed: true });

/** torchvision's table for RandAugment; translations go up to 150/331 of the image, as in AutoAugment. */
export function randAugmentSpace({ width, height }: { width: number; height: number }): PolicySpace {
  return { Identity: steady, ...classicSpace(width, height, policyBins) };
}

/** torchvision's table for AutoAugment. */
export function autoAugmentSpace({ width, height }: { width: number; height: number }): PolicySpace {
  return { ...classicSpace(width, height, 10), Invert: steady };
}

function classicSpace(width: number, height: number, bins: number): PolicySpace {
  return {
    ShearX: upTo(0.3, bins),
    ShearY: upTo(0.3, bins),
    TranslateX: upTo((150 / 331) * width, bins),
    TranslateY: upTo((150 / 331) * height, bins),
    Rotate: upTo(30, bins),
    Brightness: upTo(0.9, bins),
    Color: upTo(0.9, bins),
    Contrast: upTo(0.9, bins),
    Sharpness: upTo(0.9, bins),
    Posterize: { magnitudes: bitsLeft(4, bins), signed: false },
    Solarize: { magnitudes: evenly(255, 0, bins), signed: false },
    AutoContrast: steady,
    Equalize: steady,
  };
}

/** torchvision's table for TrivialAugmentWide; translations are in pixels, whatever the image's size. */
export const trivialAugmentSpace: PolicySpace = {
  Identity: steady,
  ShearX: upTo(0.99, policyBins),
  ShearY: upTo(0.99, policyBins),
  TranslateX: upTo(32, policyBins),
  TranslateY: upTo(32, policyBins),
  Rotate: upTo(135, policyBins),
  Brightness: upTo(0.99, policyBins),
  Color: upTo(0.99, policyBins),
  Contrast: upTo(0.99, policyBins),
  Sharpness: upTo(0.99, policyBins),
  Posterize: { magnitudes: bitsLeft(6, policyBins), signed: false },
  Solarize: { magnitudes: evenly(255, 0, policyBins), signed: false },
  AutoContrast: steady,
  Equalize: steady,
};

/**
 * `torch.linspace`, in single precision and from the end in its second half: of a translation only the whole pixels
 * count.
 */
function evenly(start: number, end: number, count: number): number[] {
  const { fround } = Math;
  const step = fround(fround(fround(end) - fround(start)) / (count - 1));
  return Array.from({ length: count }, (_, i) =>
    i < count / 2 ? fround(fround(start) + step * i) : fround(fround(end) - step * (count - 1 - i)),
  );
}

/** Eight bits, less up to `most` of them. */
function bitsLeft(most: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => 8 - Math.round((i * most) / (count - 1)));
}

type Step = readonly [operation: PolicyOperation, probability: number, bin: number | null];

/**
 * The pairs of AutoAugment's ImageNet policy: operation, probability, bin of ten. Some stand twice, as they were found.
 */
export const imageNetPolicy: readonly (readonly [Step, Step])[] = [
  [
    ['Posterize', 0.4, 8],
    ['Rotate', 0.6, 9],
  ],
  [
    ['Solarize', 0.6, 5],
    ['AutoContrast', 0.6, null],
  ],
  [
    ['Equalize', 0.8, null],
    ['Equalize', 0.6, null],
  ],
  [
    ['Posterize', 0.6, 7],
    ['Posterize', 0.6, 6],
  ],
  [
    ['Equalize', 0.4, null],
    ['Solarize', 0.2, 4],
  ],
  [
    ['Equalize', 0.4, null],
    ['Rotate', 0.8, 8],
  ],
  [
    ['Solarize', 0.6, 3],
    ['Equalize', 0.6, null],
  ],
  [
    ['Posterize', 0.8, 5],
    ['Equalize', 1, null],
  ],
  [
    ['Rotate', 0.2, 3],
    ['Solarize', 0.6, 8],
  ],
  [
    ['Equalize', 0.6, null],
    ['Posterize', 0.4, 6],
  ],
  [
    ['Rotate', 0.8, 8],
    ['Color', 0.4, 0],
  ],
  [
    ['Rotate', 0.4, 9],
    ['Equalize', 0.6, null],
  ],
  [
    ['Equalize', 0, null],
    ['Equalize', 0.8, null],
  ],
  [
    ['Invert', 0.6, null],
    ['Equalize', 1, null],
  ],
  [
    ['Color', 0.6, 4],
    ['Contrast', 1, 8],
  ],
  [
    ['Rotate', 0.8, 8],
    ['Color', 1, 2],
  ],
  [
    ['Color', 0.8, 8],
    ['Solarize', 0.8, 7],
  ],
  [
    ['Sharpness', 0.4, 7],
    ['Invert', 0.6, null],
  ],
  [
    ['ShearX', 0.6, 5],
    ['Equalize', 1, null],
  ],
  [
    ['Color', 0.4, 0],
    ['Equalize', 0.6, null],
  ],
  [
    ['Equalize', 0.4, null],
    ['Solarize', 0.2, 4],
  ],
  [
    ['Solarize', 0.6, 5],
    ['AutoContrast', 0.6, null],
  ],
  [
    ['Invert', 0.6, null],
    ['Equalize', 1, null],
  ],
  [
    ['Color', 0.6, 4],
    ['Contrast', 1, 8],
  ],
  [
    ['Equalize', 0.8, null],
    ['Equalize', 0.6, null],
  ],
];
