import { UserError } from '@graft-ml/core/internal/base/errors';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mutantOf, seeded } from '../../../../test/arbitrary.ts';
import { parseAugmentation } from '../../../../test/augmentation.ts';

const share = fc.integer({ min: 0, max: 100 }).map((value) => value / 100);
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

/** A part of a list as it is written, and what it means. */
const anyPart = fc.oneof(
  fc.tuple(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 100 })).map(([a, b]) => {
    const scale = [Math.min(a, b) / 100, Math.max(a, b) / 100] as const;
    return { text: `crop=${scale[0]}:${scale[1]}`, operation: { kind: 'crop', scale } };
  }),
  fc.tuple(fc.constantFrom('flip', 'vflip', 'greyscale', 'blur', 'erase'), optional(share)).map(([kind, p]) => {
    const usual = { flip: 0.5, vflip: 0.5, greyscale: 0.1, blur: 0.1, erase: 0.25 }[kind];
    return { text: p === undefined ? kind : `${kind}=${p}`, operation: { kind, probability: p ?? usual } };
  }),
  fc
    .integer({ min: 0, max: 180 })
    .map((degrees) => ({ text: `rotate=${degrees}`, operation: { kind: 'rotate', degrees } })),
  fc.tuple(fc.integer({ min: 1, max: 14 }), fc.integer({ min: 0, max: 9 })).map(([count, magnitude]) => ({
    text: `randaugment=${count}:${magnitude}`,
    operation: { kind: 'randaugment', count, magnitude },
  })),
);

describe('the text of an augmentation', () => {
  it('means what it says, part by part, with any blanks between', () => {
    const parts = fc.uniqueArray(anyPart, { maxLength: 5, minLength: 1, selector: ({ operation }) => operation.kind });
    fc.assert(
      fc.property(parts, fc.constantFrom(',', ', ', ' , '), (list, comma) => {
        expect(parseAugmentation(list.map(({ text }) => text).join(comma))).toEqual(
          list.map(({ operation }) => operation),
        );
      }),
      seeded(300),
    );
  });

  it('that is damaged is read or refused', () => {
    fc.assert(
      fc.property(
        mutantOf(Buffer.from('crop=0.35:1,flip=0.5,rotate=10,jitter=0.4:0.4:0.4:0.1,randaugment=2:9,strong')),
        (mutant) => {
          try {
            for (const { kind } of parseAugmentation(mutant.toString('latin1'))) expect(kind).toMatch(/^[a-z]+$/);
          } catch (error) {
            if (!(error instanceof UserError)) throw error;
          }
        },
      ),
      seeded(1000),
    );
  });
});
