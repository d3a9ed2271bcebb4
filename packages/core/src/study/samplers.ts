import { assertOptions } from '../base/options.ts';
import { randomStream } from '../base/random.ts';
import { assertSpace, drawFrom, gridValues } from './space.ts';
import type { Parameters, Sampler, Space } from './study.ts';

export interface RandomSamplerOptions {
  /** Default: 0. */
  readonly seed?: number;
}

/**
 * Draws every option by itself (Bergstra and Bengio 2012): numbers uniformly in their range, in the logarithm where it
 * is logarithmic, and choices with equal probability.
 *
 * @example
 * const space: Space = { learningRate: { kind: 'float', low: 1e-4, high: 1e-1, log: true } };
 * randomSampler({ seed: 1 }).suggest({ space, direction: 'maximize', trials: [] }, 0);
 */
export function randomSampler(options: RandomSamplerOptions = {}): Sampler {
  assertOptions('randomSampler', options, { seed: 'number' });
  const { seed = 0 } = options;
  return {
    suggest: ({ space }, number) => {
      assertSpace(space);
      return randomParameters(space, seed, number);
    },
  };
}

/** A draw for each option. Its stream has the option's name, so that an option more leaves the draws of the others. */
export function randomParameters(space: Space, seed: number, number: number): Parameters {
  const draws = Object.entries(space).map(([option, distribution]) => [
    option,
    drawFrom(distribution, randomStream(seed, 'study', 'random', number, option)),
  ]);
  return Object.fromEntries(draws);
}

/**
 * Every combination of the options' values, once. Trial n is the n-th in the order of nested loops: the first option
 * of the space varies slowest, the last one fastest, each from its lowest value or first choice. (Optuna takes the
 * points of the grid in random order.) A range of real numbers needs a step.
 */
export function gridSampler(): Sampler {
  return {
    suggest: ({ space }, number) => {
      const axes = gridAxes(space);
      if (number >= sizeOf(axes)) return null;
      let rest = number;
      const point = axes.toReversed().map(({ option, values }) => {
        const value = values[rest % values.length];
        rest = Math.floor(rest / values.length);
        return [option, value];
      });
      return Object.fromEntries(point.reverse());
    },
  };
}

/**
 * The number of points in the grid of a space.
 *
 * @throws OptionError for a range of real numbers without a step
 */
export function gridSize(space: Space): number {
  return sizeOf(gridAxes(space));
}

interface Axis {
  readonly option: string;
  readonly values: readonly unknown[];
}

function gridAxes(space: Space): Axis[] {
  assertSpace(space);
  return Object.entries(space).map(([option, distribution]) => ({ option, values: gridValues(option, distribution) }));
}

function sizeOf(axes: readonly Axis[]): number {
  return axes.reduce((size, { values }) => size * values.length, 1);
}
