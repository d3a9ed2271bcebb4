import { numberOf, type TextCodec, textError } from '@graft-ml/core/internal/base/text-codec';
import type { Fold } from '@graft-ml/core/internal/image/split';

/** `0.485,0.456,0.406` */
export function perChannel(option: string): TextCodec<readonly [number, number, number]> {
  const syntax = 'three numbers, for red, green and blue (0.485,0.456,0.406)';
  return {
    syntax,
    parse: (text) => {
      const [red, green, blue, ...others] = text.split(',').map((part) => numberOf(part.trim()));
      const isWhole = [red, green, blue].every((value) => value !== undefined && Number.isFinite(value));
      if (!isWhole || others.length > 0) throw textError(option, syntax, text);
      return [red!, green!, blue!];
    },
    format: (values) => values.join(','),
  };
}

const epochs = 'the epochs of the drops (10,20)';

/** `10,20` */
export const milestones: TextCodec<readonly number[]> = {
  syntax: epochs,
  parse: (text) => {
    const values = text.split(',').map((part) => numberOf(part.trim()));
    if (values.every((value) => value > 0 && Number.isFinite(value))) return values;
    throw textError('milestones', epochs, text);
  },
  format: (values) => values.join(','),
};

const oneOf = '2/5 for the second of five folds';

/** `2/5` */
export const fold: TextCodec<Fold> = {
  syntax: oneOf,
  parse: (text) => {
    const [, index, of] = (/^(\d{1,4})\/(\d{1,4})$/.exec(text) ?? []).map(Number);
    if (index === undefined || of === undefined || of < 2 || index < 1 || index > of) {
      throw textError('fold', oneOf, text, ` ${text} is none: 2/5 is the second of five folds.`);
    }
    return { index, of };
  },
  format: ({ index, of }) => `${index}/${of}`,
};
