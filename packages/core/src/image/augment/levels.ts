import type { Augmentation, RandomOperation } from './augmentation.ts';
import { policyBins } from './policies.ts';

/**
 * Augmentations that have a name. `light` suits nearly every small dataset; `standard` adds the rotation and lighting
 * of fastai's `aug_transforms`, but not its warp; `strong` has RandAugment and random erasing instead, as timm and
 * torchvision train.
 */
export const augmentationLevels = {
  none: [],
  light: [
    { kind: 'crop', scale: [0.35, 1] },
    { kind: 'flip', probability: 0.5 },
  ],
  standard: [
    { kind: 'crop', scale: [0.35, 1] },
    { kind: 'flip', probability: 0.5 },
    { kind: 'rotate', degrees: 10 },
    { kind: 'jitter', brightness: 0.2, contrast: 0.2, saturation: 0.2, hue: 0 },
  ],
  strong: [
    { kind: 'crop', scale: [0.35, 1] },
    { kind: 'flip', probability: 0.5 },
    { kind: 'randaugment', count: 2, magnitude: 9 },
    { kind: 'erase', probability: 0.25 },
  ],
} as const satisfies Record<string, Augmentation>;

export type AugmentationLevel = keyof typeof augmentationLevels;

export function isAugmentationLevel(name: unknown): name is AugmentationLevel {
  return typeof name === 'string' && Object.hasOwn(augmentationLevels, name);
}

/** The operations of a level, or those that were given. */
export function augmentationOf(augment: AugmentationLevel | Augmentation): Augmentation {
  return typeof augment === 'string' ? augmentationLevels[augment] : augment;
}

/** The bounds of a number of an operation, both included. */
export interface Quantity {
  readonly minimum: number;
  readonly maximum: number;
  readonly isWhole?: boolean;
}

const share: Quantity = { minimum: 0, maximum: 1 };
const area: Quantity = { minimum: 0.01, maximum: 1 };

/** The numbers of every operation. A crop's two are the ends of its `scale`. */
export const augmentationQuantities = {
  crop: { minimum: area, maximum: area },
  flip: { probability: share },
  vflip: { probability: share },
  rotate: { degrees: { minimum: 0, maximum: 180 } },
  jitter: { brightness: share, contrast: share, saturation: share, hue: { minimum: 0, maximum: 0.5 } },
  greyscale: { probability: share },
  blur: { probability: share },
  erase: { probability: share },
  randaugment: {
    count: { minimum: 1, maximum: 14, isWhole: true },
    magnitude: { minimum: 0, maximum: policyBins - 1, isWhole: true },
  },
  trivialaugment: {},
  autoaugment: {},
} as const satisfies { readonly [K in RandomOperation['kind']]: Readonly<Record<string, Quantity>> };

/** The reason why a list of operations is no augmentation, in words that follow its name; undefined where it is one. */
export function augmentationProblem(operations: Augmentation): string | undefined {
  for (const [i, operation] of operations.entries()) {
    const { kind } = operation;
    if (operations.slice(0, i).some((other) => other.kind === kind)) {
      return `${kind} stands there twice, once for itself or for a level is enough`;
    }
    for (const [name, quantity] of Object.entries<Quantity>(augmentationQuantities[kind])) {
      const value = quantityOf(operation, name);
      if (isWithin(value, quantity)) continue;
      return `${name} of ${kind} is ${String(value)}, expected ${rangeText(quantity)}`;
    }
    if (kind === 'crop' && operation.scale[0] > operation.scale[1]) {
      return `the scale of crop is [${operation.scale.join(', ')}], expected the smaller share first`;
    }
  }
  return undefined;
}

/** A number of an operation by its name in `augmentationQuantities`. */
export function quantityOf(operation: RandomOperation, name: string): unknown {
  if (operation.kind === 'crop') return operation.scale[name === 'minimum' ? 0 : 1];
  return Object.entries(operation).find(([key]) => key === name)?.[1];
}

export function isWithin(value: unknown, { minimum, maximum, isWhole = false }: Quantity): boolean {
  return typeof value === 'number' && value >= minimum && value <= maximum && (!isWhole || Number.isInteger(value));
}

/** `a whole number from 1 to 14` */
export function rangeText({ minimum, maximum, isWhole = false }: Quantity): string {
  return `a ${isWhole ? 'whole ' : ''}number from ${minimum} to ${maximum}`;
}
