import { UserError } from '@graft-ml/core/internal/base/errors';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyName, seeded } from '../../../../test/arbitrary.ts';
import { divideClasses, parseSplit } from './class-split.ts';

const count = fc.integer({ min: 0, max: 30 });

describe('the text of a split', () => {
  it('of numbers is those numbers', () => {
    fc.assert(
      fc.property(
        count,
        fc.option(count, { nil: undefined }),
        count,
        fc.boolean(),
        (train, validation, test, isPercent) => {
          const text = `${[train, validation, test].filter((value) => value !== undefined).join('/')}${isPercent ? '%' : ''}`;
          const expected = {
            kind: isPercent ? 'percent' : 'classes',
            train,
            ...(validation !== undefined && { validation }),
            test,
          };
          if (!(isPercent && train + (validation ?? 0) + test > 100))
            expect(parseSplit(text)).toEqual({ division: expected });
          expect(parseSplit(`a/b:${text}`)).toEqual({ folder: 'a/b', division: expected });
        },
      ),
      seeded(300),
    );
  });

  it('of any kind is a division or refused', () => {
    fc.assert(
      fc.property(fc.oneof(anyName(), fc.string(), fc.stringMatching(/^[\d/%:]{0,12}$/)), (text) => {
        try {
          expect(parseSplit(text).division.kind).toMatch(/^(auto|background|classes|percent)$/);
        } catch (error) {
          if (!(error instanceof UserError)) throw error;
        }
      }),
      seeded(800),
    );
  });
});

it('every class is on at most one side, on the same one for the same seed, and where it was when another class is added', () => {
  const names = fc.uniqueArray(fc.stringMatching(/^[a-z]{1,6}$/), { minLength: 10, maxLength: 40 });
  fc.assert(
    fc.property(names, fc.nat(), (all, seed) => {
      const classes = all.map((name) => ({ name, parts: new Map([['', undefined]]) }));
      const divide = (of: typeof classes) =>
        divideClasses(
          of,
          { division: { kind: 'percent', train: 60, validation: 20, test: 20 } },
          { seed, isOmniglot: false },
        );
      const { train, validation, test } = divide(classes);
      const placed = [...train, ...validation, ...test];
      expect(new Set(placed).size).toBe(placed.length);
      expect([...placed].sort()).toEqual([...all].sort());
      expect(divide([...classes].reverse())).toEqual(divide(classes));
    }),
    seeded(150),
  );
});
