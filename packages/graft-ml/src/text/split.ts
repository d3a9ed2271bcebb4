import { type TextCodec, textError } from '@graft-ml/core/internal/base/text-codec';
import type { ClassSplit, SideNumbers } from '@graft-ml/core/internal/recipe/meta/split';
import { sumOf } from '@graft-ml/core/internal/recipe/meta/split';

const syntax =
  'auto, numbers of classes as in 1100/100/423 or 1200/423, per cent as in 60/20/20%, background/evaluation, or a ' +
  'folder, alone or with such numbers as in Futurama:16/5/5';

/** `auto`, `background/evaluation`, `60/20/20%`, `1200/423`, `Futurama`, `Futurama:16/5/5` */
export const split: TextCodec<ClassSplit> = {
  syntax,
  parse: (text) => {
    if (text === 'auto' || text === 'background/evaluation') return text;
    const numbers = parseNumbers(text);
    if (numbers) return numbers;
    const colon = text.lastIndexOf(':');
    const folder = colon < 0 ? text : text.slice(0, colon);
    const division = colon < 0 ? {} : parseNumbers(text.slice(colon + 1));
    if (!division || folder === '') {
      throw textError('split', syntax, text, ` "${text}" is not understood. Expected ${syntax}.`);
    }
    return { folder, ...division };
  },
  format: (value) => {
    if (typeof value === 'string') return value;
    const { folder, classes, percent } = value;
    const numbers = classes ? formatNumbers(classes) : percent ? `${formatNumbers(percent)}%` : undefined;
    return [folder, numbers].filter((part) => part !== undefined).join(':');
  },
};

function parseNumbers(text: string): { classes: SideNumbers } | { percent: SideNumbers } | undefined {
  const [, train, validation, test, percent] = /^(\d{1,7})\/(?:(\d{1,7})\/)?(\d{1,7})(%?)$/.exec(text) ?? [];
  if (train === undefined || test === undefined) return undefined;
  const numbers = {
    train: Number(train),
    ...(validation !== undefined && { validation: Number(validation) }),
    test: Number(test),
  };
  if (percent !== '%') return { classes: numbers };
  if (sumOf(numbers) <= 100) return { percent: numbers };
  throw textError('split', syntax, text, ` "${text}" has ${sumOf(numbers)} per cent. Lower one of them.`);
}

function formatNumbers({ train, validation, test }: SideNumbers): string {
  return [train, ...(validation === undefined ? [] : [validation]), test].join('/');
}
