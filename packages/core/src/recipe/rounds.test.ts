import { expect, test } from 'vitest';
import { parseConfig, resolveConfig, type TrainConfigInput } from './config/index.ts';
import { assertWorkersCan, roundsOf } from './rounds.ts';

const config = (options: TrainConfigInput) => resolveConfig(parseConfig({ model: 'squeezenet1_1', ...options }));
const rounds = (options: TrainConfigInput) => {
  const { perEpoch, epochs, steps } = roundsOf(config({ strategy: 'full', epochs: 12, ...options }), 480);
  return { perEpoch, epochs, steps };
};

test('an epoch is as many whole rounds as come nearest to a pass; the images in all stay about the same', () => {
  expect(rounds({ workers: 2, averageEvery: 5 })).toEqual({ perEpoch: 3, epochs: 12, steps: 5 });
  expect(rounds({ workers: 2, averageEvery: 10 })).toEqual({ perEpoch: 2, epochs: 9, steps: 10 });
  // A pass is 7 steps, and 12 of them are 84: four rounds of 20.
  expect(rounds({ workers: 4, averageEvery: 20 })).toEqual({ perEpoch: 1, epochs: 4, steps: 20 });
});

test('workers without images or rounds are refused, with numbers that would do', () => {
  expect(() => rounds({ workers: 40 })).toThrow(
    '480 training images are 12 for each of 40 workers, less than a batch of 16',
  );
  expect(() => rounds({ workers: 40 })).toThrow('at most `workers: 30`');
  expect(() => rounds({ workers: 4, averageEvery: 85 })).toThrow('more than the 84 steps that each of 4 workers takes');
});

test.each([
  [{}, 'strategy auto'],
  [{ strategy: 'gradual' }, 'strategy gradual'],
  [{ strategy: 'full', probe: 3 }, 'probe 3'],
  [{ strategy: 'full', ema: 0.9 }, 'ema 0.9'],
  [{ strategy: 'full', schedule: 'plateau' }, 'schedule plateau'],
] satisfies [TrainConfigInput, string][])('%o does not go with workers', (options, named) => {
  expect(() => assertWorkersCan(config({ ...options, workers: 2 }))).toThrow(`${named} does not go with \`workers\``);
  expect(() => assertWorkersCan(config(options))).not.toThrow();
});

test('options of workers mean nothing without them; with them a worker has one thread', () => {
  expect(() => config({ averageEvery: 5 })).toThrow('averageEvery means something only with `workers`');
  expect([config({ workers: 2, strategy: 'full' }).threads, config({}).threads]).toEqual([1, null]);
});
