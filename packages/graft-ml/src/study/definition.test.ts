import { expect, test } from 'vitest';
import { parseStudy, type StudyDefinitionInput } from './definition.ts';

const rate = { kind: 'float', low: 1e-4, high: 1e-2, log: true } as const;

test('what is left out has its default', () => {
  const study = parseStudy({ data: 'photos/flowers', space: { learningRate: rate } });
  expect(study).toMatchObject({
    name: 'flowers',
    of: 'train',
    options: {},
    sampler: { kind: 'tpe' },
    pruner: { kind: 'none' },
    seeds: 1,
    budget: { trials: 50, minutes: null },
    metric: 'accuracy',
    parallel: null,
  });
  expect(study.data).toBe(`${process.cwd()}/photos/flowers`);
});

test('a definition that was checked is its own definition', () => {
  const study = parseStudy({ data: 'x', of: 'meta train', space: { way: { kind: 'int', low: 2, high: 5 } } });
  expect(parseStudy(JSON.parse(JSON.stringify(study)))).toEqual(study);
});

test.each<[string, StudyDefinitionInput, RegExp]>([
  [
    'a bound that the option cannot have',
    { data: 'x', space: { learningRate: { ...rate, low: -1 } } },
    /^learningRate/,
  ],
  [
    'a choice that is not known',
    { data: 'x', space: { optimizer: { kind: 'categorical', choices: ['sgd', 'adma'] } } },
    /^optimizer "adma" is not known. Did you mean "adam"/,
  ],
  ['a range of an option of names', { data: 'x', space: { optimizer: rate } }, /^optimizer has no range/],
  ['fractions of a whole number', { data: 'x', space: { epochs: { ...rate, low: 1, high: 2 } } }, /^epochs is a whole/],
  ['the seed', { data: 'x', space: { seed: { kind: 'int', low: 0, high: 9 } } }, /^seed is not varied.*`seeds`/],
  ['nothing to vary', { data: 'x', space: {} }, /^space/],
  [
    'a value beside a range',
    { data: 'x', space: { learningRate: rate }, options: { learningRate: 1 } },
    /^learningRate/,
  ],
  ['a value that no option can have', { data: 'x', space: { learningRate: rate }, options: { epochs: 0 } }, /^epochs/],
  [
    'a range upside down',
    { data: 'x', space: { learningRate: { ...rate, low: 1 } } },
    /^learningRate.*lower to its upper/,
  ],
  [
    'a grid without end',
    { data: 'x', space: { learningRate: rate }, sampler: { kind: 'grid' } },
    /^learningRate.*no grid/,
  ],
])('%s is refused by the name of its option', (_, input, message) => {
  expect(() => parseStudy(input)).toThrow(message);
});

test('an option of the other command is not known', () => {
  const input: unknown = { data: 'x', space: { way: { kind: 'int', low: 2, high: 5 } } };
  expect(() => parseStudy(input as StudyDefinitionInput)).toThrow(/^way is no option of a study of "train"/);
});
