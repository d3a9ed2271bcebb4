import { didYouMean } from '@graft-ml/core/internal/base/choice';
import type { OptionError } from '@graft-ml/core/internal/base/errors';
import { numberOf, type TextCodec, textError } from '@graft-ml/core/internal/base/text-codec';
import type { Augmentation, RandomOperation } from '@graft-ml/core/internal/image/augment/augmentation';
import {
  type AugmentationLevel,
  augmentationLevels,
  augmentationProblem,
  augmentationQuantities,
  isAugmentationLevel,
  isWithin,
  type Quantity,
  quantityOf,
  rangeText,
} from '@graft-ml/core/internal/image/augment/levels';

type Kind = RandomOperation['kind'];
type OperationOf<K extends Kind> = Extract<RandomOperation, { kind: K }>;

/** An operation from the numbers that were written: the first few of `augmentationQuantities`. */
const makers: { readonly [K in Kind]: (numbers: readonly number[]) => OperationOf<K> } = {
  crop: ([minimum = 0.35, maximum = 1]) => ({ kind: 'crop', scale: [minimum, maximum] }),
  flip: ([probability = 0.5]) => ({ kind: 'flip', probability }),
  vflip: ([probability = 0.5]) => ({ kind: 'vflip', probability }),
  rotate: ([degrees = 10]) => ({ kind: 'rotate', degrees }),
  jitter: ([brightness = 0.2, contrast = brightness, saturation = brightness, hue = 0]) => ({
    kind: 'jitter',
    brightness,
    contrast,
    saturation,
    hue,
  }),
  greyscale: ([probability = 0.1]) => ({ kind: 'greyscale', probability }),
  blur: ([probability = 0.1]) => ({ kind: 'blur', probability }),
  erase: ([probability = 0.25]) => ({ kind: 'erase', probability }),
  randaugment: ([count = 2, magnitude = 9]) => ({ kind: 'randaugment', count, magnitude }),
  trivialaugment: () => ({ kind: 'trivialaugment' }),
  autoaugment: () => ({ kind: 'autoaugment' }),
};

const quantitiesOf = (kind: Kind): [string, Quantity][] => Object.entries(augmentationQuantities[kind]);

/** `randaugment[=COUNT:MAGNITUDE]`: numbers may be left out from the right, and all of them. */
function syntaxOf(kind: Kind): string {
  const names = quantitiesOf(kind).map(([name]) => name.toUpperCase());
  return names.length === 0 ? kind : `${kind}[=${names.join(':')}]`;
}

const parts = Object.keys(makers).map((kind) => syntaxOf(kind as Kind));
const syntax = `${Object.keys(augmentationLevels).join(', ')}, or a list of: ${parts.join(', ')}`;

/**
 * `none`, `light`, `standard`, `strong`, or a list such as `crop=0.35,flip,rotate=10,randaugment=2:9`, in which a level
 * stands for its own list.
 */
export const augment: TextCodec<AugmentationLevel | Augmentation> = {
  syntax,
  parse: (text) => {
    const names = text.split(',').map((part) => part.trim());
    if (names.length === 1 && isAugmentationLevel(names[0])) return names[0];
    const operations = names.flatMap((name): readonly RandomOperation[] =>
      isAugmentationLevel(name) ? augmentationLevels[name] : [operationOf(name, text)],
    );
    const problem = augmentationProblem(operations);
    if (problem !== undefined) throw refusal(text, `${problem}.`);
    return operations;
  },
  format: (value) => {
    if (typeof value === 'string') return value;
    return value.length === 0 ? 'none' : value.map(formatOperation).join(',');
  },
};

/** The levels as lists, for the help. */
export const levelTexts: Readonly<Record<AugmentationLevel, string>> = {
  none: '',
  light: 'crop=0.35,flip',
  standard: 'crop=0.35,flip,rotate=10,jitter=0.2',
  strong: 'crop=0.35,flip,randaugment=2:9,erase=0.25',
};

/** The levels and what they stand for, and the parts of a list. */
export const augmentHelp = `${Object.entries(levelTexts)
  .map(([name, list]) => (list === '' ? name : `${name} (${list})`))
  .join(', ')}; or a list of ${parts.join(', ')}`;

function refusal(text: string, problem: string): OptionError {
  return textError('augment', syntax, text, ` "${text}": ${problem}`);
}

function isKind(name: string): name is Kind {
  return Object.hasOwn(makers, name);
}

function operationOf(part: string, text: string): RandomOperation {
  const [name = '', given] = /^([^=]*)(?:=(.*))?$/s.exec(part)?.slice(1) ?? [];
  if (!isKind(name)) {
    const known = [...Object.keys(augmentationLevels), ...Object.keys(makers)];
    throw refusal(text, `"${part}" is not known.${didYouMean(name, known)} Expected ${syntax}.`);
  }
  const numbers = given === undefined ? [] : given.split(':').map(numberOf);
  const quantities = quantitiesOf(name);
  if (numbers.length <= quantities.length && numbers.every((number, i) => isWithin(number, quantities[i]![1]))) {
    const operation = makers[name](numbers);
    if (operation.kind !== 'crop' || operation.scale[0] <= operation.scale[1]) return operation;
  }
  const ranges = quantities.map(([quantity, range]) => `${quantity.toUpperCase()} ${rangeText(range)}`);
  throw refusal(text, `"${part}" is not understood. Expected ${[syntaxOf(name), ...ranges].join(', ')}.`);
}

/** The shortest list of numbers that makes the same operation. */
function formatOperation(operation: RandomOperation): string {
  const { kind } = operation;
  const numbers = quantitiesOf(kind).map(([name]) => Number(quantityOf(operation, name)));
  const isEnough = (count: number) =>
    JSON.stringify(makers[kind](numbers.slice(0, count))) === JSON.stringify({ ...operation });
  const count = numbers.findIndex((_, i) => isEnough(i));
  const written = count < 0 ? numbers : numbers.slice(0, count);
  return written.length === 0 ? kind : `${kind}=${written.join(':')}`;
}
