import fc from 'fast-check';
import { expect, it } from 'vitest';
import { seeded } from '../../../../../test/arbitrary.ts';
import { divideClasses } from './class-split.ts';

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
