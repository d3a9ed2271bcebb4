import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mutantOf, seeded } from '../../../../test/arbitrary.ts';
import { UserError } from './errors.ts';
import { fromBrainFloat, fromHalf } from './half.ts';
import { randomStream } from './random.ts';
import { parseShallowJson } from './shallow-json.ts';

const bytesOf = (text: string) => new TextEncoder().encode(text);

describe('shallow JSON', () => {
  const depthOf = (value: unknown): number =>
    typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;

  it('is what JSON.parse makes of it, or deeper than it may be', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 6 })),
        fc.integer({ min: 1, max: 8 }),
        (value, depth) => {
          // What JSON has no words for, such as -0 and undefined.
          const plain: unknown = JSON.parse(JSON.stringify(value));
          const read = () => parseShallowJson(bytesOf(JSON.stringify(plain)), depth, 'it');
          if (depthOf(plain) <= depth) expect(read()).toEqual(plain);
          else expect(read).toThrow(UserError);
        },
      ),
      seeded(300),
    );
  });

  it('with any key twice is refused', () => {
    fc.assert(
      fc.property(fc.string(), fc.array(fc.string()), (key, others) => {
        const entries = [key, ...others, key].map((name) => `${JSON.stringify(name)}: 1`);
        expect(() => parseShallowJson(bytesOf(`{"x": {${entries.join(',')}}}`), 4, 'it')).toThrow('twice');
      }),
      seeded(200),
    );
  });

  it('that is damaged is read or refused', () => {
    const text = bytesOf('{"a": [1, 2, {"b": "c\\"d\\u0000"}], "e": {"f": null, "g": -1.5e-3}}');
    fc.assert(
      fc.property(mutantOf(text), (mutant) => {
        try {
          parseShallowJson(mutant, 4, 'it');
        } catch (error) {
          if (!(error instanceof UserError)) throw error;
        }
      }),
      seeded(1500),
    );
  });
});

describe('half precision', () => {
  it('is ordered, odd, and exact: each number rounds to itself', () => {
    const all = fromHalf(Uint16Array.from({ length: 0x7c01 }, (_, bits) => bits));
    expect(all.every((value, bits) => bits === 0 || value > all[bits - 1]!)).toBe(true);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0x7c00 }), (bits) => {
        const [plus, minus] = fromHalf(Uint16Array.of(bits, bits | 0x8000));
        expect(minus).toBe(-plus!);
      }),
      seeded(200),
    );
  });

  it('bfloat16 is the upper half of f32', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff }), (bits) => {
        const [value] = new Uint16Array(fromBrainFloat(Uint16Array.of(bits)).buffer).subarray(1);
        expect(value).toBe(bits);
      }),
      seeded(300),
    );
  });
});

describe('a random stream', () => {
  const path = fc.array(fc.oneof(fc.string(), fc.integer()), { maxLength: 4 });

  it('is the same under the same address, and another under another', () => {
    fc.assert(
      fc.property(fc.integer(), path, fc.string(), (seed, at, more) => {
        const draw = (...address: readonly (string | number)[]) => {
          const stream = randomStream(seed, ...address);
          return Array.from({ length: 4 }, () => stream.uniform());
        };
        expect(draw(...at)).toEqual(draw(...at));
        expect(draw(...at, more)).not.toEqual(draw(...at));
      }),
      seeded(200),
    );
  });

  it('stays in its bounds, and a shuffle loses nothing', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 2 ** 31 }), fc.array(fc.integer()), (seed, bound, items) => {
        const stream = randomStream(seed);
        for (let i = 0; i < 20; i++) {
          const whole = stream.integer(bound);
          expect(Number.isInteger(whole) && whole >= 0 && whole < bound).toBe(true);
          expect(Number.isFinite(stream.normal())).toBe(true);
        }
        const order = (a: number, b: number) => a - b;
        expect(stream.shuffle(items).sort(order)).toEqual([...items].sort(order));
      }),
      seeded(150),
    );
  });
});
