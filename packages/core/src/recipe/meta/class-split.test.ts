import { split as splitText } from 'graft-ml/internal/text/split';
import { describe, expect, it } from 'vitest';
import type { Split } from '../../image/split-images.ts';
import { divideClasses, type PlacedClass, requestOf } from './class-split.ts';

const classes = (count: number, part: readonly [string, Split | undefined] = ['', undefined], prefix = 'c') =>
  Array.from({ length: count }, (_, i): PlacedClass => ({ name: `${prefix}${i}`, parts: new Map([part]) }));

const divide = (all: readonly PlacedClass[], text: string, options: { seed?: number; isOmniglot?: boolean } = {}) =>
  divideClasses(all, requestOf(splitText.parse(text)), { seed: 0, isOmniglot: false, ...options });

const sizes = ({ train, validation, test }: ReturnType<typeof divide>) =>
  [train, validation, test].map((s) => s.length);

describe('numbers of classes', () => {
  it.each([
    ['auto', 26, [16, 5, 5], '16/5/5'],
    ['60/20/20%', 26, [16, 5, 5], '16/5/5'],
    ['60/20/20%', 100, [60, 20, 20], '60/20/20'],
    ['64/16/20%', 100, [64, 16, 20], '64/16/20'],
    ['10/10/10%', 100, [10, 10, 10], '10/10/10'],
    ['80/20%', 120, [88, 8, 24], '88/8/24'],
    ['1200/423', 1623, [1100, 100, 423], '1100/100/423'],
    ['3/2/1', 26, [3, 2, 1], '3/2/1'],
    ['Futurama', 26, [16, 5, 5], 'Futurama:16/5/5'],
    ['Futurama:10/4', 26, [9, 1, 4], 'Futurama:9/1/4'],
    ['a/b:50/25/25%', 8, [4, 2, 2], 'a/b:4/2/2'],
  ] as const)('%s of %i classes', (text, count, expected, split) => {
    const all = classes(count);
    const divided = divide(all, text);
    expect(sizes(divided)).toEqual(expected);
    expect(divided.split).toBe(split);
    const used = [...divided.train, ...divided.validation, ...divided.test];
    expect(new Set(used).size).toBe(used.length);
    expect(sizes(divide(all, divided.split))).toEqual(expected);
    expect(divide(all, divided.split)).toEqual(divided);
  });

  it('Omniglot without a word is 1100/100/423', () => {
    expect(divide(classes(1623), 'auto', { isOmniglot: true }).split).toBe('1100/100/423');
  });

  it('the seed decides, the order of the classes does not, and a class more moves few', () => {
    const all = classes(100);
    const divided = divide(all, '60/20/20', { seed: 3 });
    expect(divide([...all].reverse(), '60/20/20', { seed: 3 })).toEqual(divided);
    expect(divide(all, '60/20/20', { seed: 4 }).test).not.toEqual(divided.test);
    const more = divide([...all, ...classes(1, undefined, 'new')], '60/20/20', { seed: 3 });
    expect(more.test.filter((name) => !divided.test.includes(name)).length).toBeLessThanOrEqual(1);
  });

  it('every class comes to every side, by its share', () => {
    const all = classes(10);
    const tests = new Map<string, number>();
    for (let seed = 0; seed < 2000; seed++) {
      for (const name of divide(all, '6/2/2', { seed }).test) tests.set(name, (tests.get(name) ?? 0) + 1);
    }
    // Binomial(2000, 0.2): 400 with a standard deviation of 18.
    for (const count of tests.values()) expect(Math.abs(count - 400)).toBeLessThan(72);
    expect(tests.size).toBe(10);
  });
});

describe('parts of the dataset', () => {
  const train = classes(24, ['train', 'train'], 'a');
  const validation = classes(3, ['val', 'validation'], 'b');
  const test = classes(5, ['test', 'test'], 'd');

  it('are taken as they are, and validation from train where there is none', () => {
    expect(divide([...train, ...validation, ...test], 'auto')).toEqual({
      split: 'auto',
      train: train.map(({ name }) => name).sort(),
      validation: ['b0', 'b1', 'b2'],
      test: ['d0', 'd1', 'd2', 'd3', 'd4'],
    });
    const without = divide([...train, ...test], 'auto');
    expect(sizes(without)).toEqual([22, 2, 5]);
    expect([...without.train, ...without.validation].sort()).toEqual(train.map(({ name }) => name).sort());
  });

  it('numbers put them together', () => {
    expect(sizes(divide([...train, ...validation, ...test], '16/8/8'))).toEqual([16, 8, 8]);
  });

  it('a class in two of them is no new class, and there must be a test part', () => {
    const torn = { name: 'cat', parts: new Map([...train[0]!.parts, ...test[0]!.parts]) };
    expect(() => divide([...train, torn, ...test], 'auto')).toThrow(
      'The class cat is in train and test, and episodes to test on are of classes that were not trained on. Give a split by numbers, as 60/20/20%',
    );
    expect(() => divide([...train, ...validation], 'auto')).toThrow('none with classes to test on');
  });

  it("Omniglot's two sets: a twelfth of the first validates", () => {
    const all = [...classes(36, ['background', undefined], 'a'), ...classes(9, ['evaluation', undefined], 'b')];
    const divided = divide(all, 'background/evaluation', { isOmniglot: true });
    expect(sizes(divided)).toEqual([33, 3, 9]);
    expect(divided.test.every((name) => name.startsWith('b'))).toBe(true);
    expect(divided.split).toBe('background/evaluation');
    expect(() => divide(all, 'background/evaluation')).toThrow('is for Omniglot');
  });
});

it.each([
  ['', 'is not understood'],
  ['Futurama:', 'is not understood'],
  [':1/1/1', 'is not understood'],
  ['Futurama:1/2/3/4', 'is not understood'],
  ['60/30/20%', 'has 110 per cent'],
])('split "%s" is refused', (text, message) => {
  expect(() => splitText.parse(text)).toThrow(message);
});

it.each([
  ['20/5/5', '20/5/5 (train/validation/test) is not possible with 26 classes'],
  ['26/0/0', '26/0/0 (train/validation/test) is not possible'],
  ['100/0%', '24/2/0 (train/validation/test) is not possible'],
])('split "%s" of 26 classes is refused', (text, message) => {
  expect(() => divide(classes(26), text)).toThrow(message);
});
