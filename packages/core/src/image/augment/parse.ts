import { didYouMean } from '../../base/choice.ts';
import { OptionError } from '../../base/errors.ts';
import type { Augmentation, RandomOperation } from './augmentation.ts';
import { policyBins } from './policies.ts';

/**
 * What a list is called for short. `light` is what a few images always bear; `standard` adds the rotation and lighting of fastai's
 * `aug_transforms`, but not its warp; `strong` has RandAugment and random erasing instead, as timm and torchvision train.
 */
export const augmentationLevels = {
  none: '',
  light: 'crop=0.35,flip',
  standard: 'crop=0.35,flip,rotate=10,jitter=0.2',
  strong: 'crop=0.35,flip,randaugment=2:9,erase=0.25',
} as const;

type Kind = RandomOperation['kind'];

/** A number that may stand behind a part's name. */
interface Quantity {
  readonly name: string;
  readonly minimum: number;
  readonly maximum: number;
  readonly isWhole?: boolean;
}

interface Part<K extends Kind> {
  readonly quantities: readonly Quantity[];
  /** From the numbers that were given: the first few of `quantities`. */
  make(numbers: readonly number[]): Extract<RandomOperation, { kind: K }>;
}

const share = (name: string): Quantity => ({ name, minimum: 0, maximum: 1 });
const area = (name: string): Quantity => ({ name, minimum: 0.01, maximum: 1 });
const probability = share('PROBABILITY');

/** What may stand in a list. */
const parts: { readonly [K in Kind]: Part<K> } = {
  crop: {
    quantities: [area('MINIMUM'), area('MAXIMUM')],
    make: ([minimum = 0.35, maximum = 1]) => ({ kind: 'crop', scale: [minimum, maximum] }),
  },
  flip: { quantities: [probability], make: ([p = 0.5]) => ({ kind: 'flip', probability: p }) },
  vflip: { quantities: [probability], make: ([p = 0.5]) => ({ kind: 'vflip', probability: p }) },
  rotate: {
    quantities: [{ name: 'DEGREES', minimum: 0, maximum: 180 }],
    make: ([degrees = 10]) => ({ kind: 'rotate', degrees }),
  },
  jitter: {
    quantities: [share('BRIGHTNESS'), share('CONTRAST'), share('SATURATION'), { ...share('HUE'), maximum: 0.5 }],
    make: ([brightness = 0.2, contrast = brightness, saturation = brightness, hue = 0]) => ({
      kind: 'jitter',
      brightness,
      contrast,
      saturation,
      hue,
    }),
  },
  greyscale: { quantities: [probability], make: ([p = 0.1]) => ({ kind: 'greyscale', probability: p }) },
  blur: { quantities: [probability], make: ([p = 0.1]) => ({ kind: 'blur', probability: p }) },
  erase: { quantities: [probability], make: ([p = 0.25]) => ({ kind: 'erase', probability: p }) },
  randaugment: {
    quantities: [
      { name: 'COUNT', minimum: 1, maximum: 14, isWhole: true },
      { name: 'MAGNITUDE', minimum: 0, maximum: policyBins - 1, isWhole: true },
    ],
    make: ([count = 2, magnitude = 9]) => ({ kind: 'randaugment', count, magnitude }),
  },
  trivialaugment: { quantities: [], make: () => ({ kind: 'trivialaugment' }) },
  autoaugment: { quantities: [], make: () => ({ kind: 'autoaugment' }) },
};

/**
 * The augmentation of a text: `none`, `light`, `standard`, `strong`, or a list such as
 * `crop=0.35,flip,rotate=10,jitter=0.4,randaugment=2:9,erase=0.25`, in which a level stands for its own list.
 *
 * @throws OptionError that says which part is not understood, and what may stand there
 */
export function parseAugmentation(text: string): Augmentation {
  const augmentation = text
    .split(',')
    .map((part) => part.trim())
    .flatMap((part) => (isLevel(part) ? augmentationLevels[part].split(',').filter(Boolean) : [part]))
    .map((part) => operationOf(part, text));
  const twice = augmentation.find(({ kind }, i) => augmentation.slice(0, i).some((other) => other.kind === kind));
  if (twice) {
    throw refusal(text, `${twice.kind} stands there twice, once for itself or for a level is enough.`);
  }
  return augmentation;
}

/** `randaugment[=COUNT:MAGNITUDE]` and its like, for the help. */
export const augmentationParts: readonly string[] = Object.entries(parts).map(([name, part]) => syntaxOf(name, part));

function isLevel(name: string): name is keyof typeof augmentationLevels {
  return Object.hasOwn(augmentationLevels, name);
}

function operationOf(part: string, text: string): RandomOperation {
  const [name, given] = splitOnce(part, '=');
  if (!Object.hasOwn(parts, name)) {
    const known = [...Object.keys(augmentationLevels), ...Object.keys(parts)];
    throw refusal(text, `"${part}" is not known.${didYouMean(name, known)} Expected ${anything()}.`);
  }
  const { quantities, make } = parts[name as Kind];
  const numbers = given === undefined ? [] : given.split(':');
  if (numbers.length <= quantities.length && numbers.every((number, i) => isWithin(number, quantities[i]!))) {
    const operation = make(numbers.map(Number));
    if (operation.kind !== 'crop' || operation.scale[0] <= operation.scale[1]) return operation;
  }
  throw refusal(text, `"${part}" is not understood. Expected ${expectation(name, quantities)}.`);
}

function anything(): string {
  return `${Object.keys(augmentationLevels).join(', ')}, or a list of: ${augmentationParts.join(', ')}`;
}

function refusal(text: string, problem: string): OptionError {
  return new OptionError({
    option: 'augment',
    expected: anything(),
    received: text,
    problem: ` "${text}": ${problem}`,
  });
}

function isWithin(text: string, { minimum, maximum, isWhole = false }: Quantity): boolean {
  const value = Number(text);
  return /^\d*\.?\d+$/.test(text) && value >= minimum && value <= maximum && (!isWhole || Number.isInteger(value));
}

/** `randaugment[=COUNT:MAGNITUDE], COUNT a whole number from 1 to 14, …` */
function expectation(name: string, quantities: readonly Quantity[]): string {
  const ranges = quantities.map(
    (quantity) =>
      `${quantity.name} a ${quantity.isWhole ? 'whole ' : ''}number from ${quantity.minimum} to ${quantity.maximum}`,
  );
  return [syntaxOf(name, { quantities }), ...ranges].join(', ');
}

/** Numbers may be left out from the right, and all of them. */
function syntaxOf(name: string, { quantities }: { quantities: readonly Quantity[] }): string {
  return quantities.length === 0 ? name : `${name}[=${quantities.map((quantity) => quantity.name).join(':')}]`;
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}
