import { OptionError } from '../base/errors.ts';
import { assertOptions } from '../base/options.ts';
import type { Direction, History, Pruner, Trial } from './study.ts';

/** Lets every trial run to its end. */
export function noPruner(): Pruner {
  return { shouldPrune: () => false };
}

export interface MedianPrunerOptions {
  /** Complete trials before which none is pruned. Default: 5. */
  readonly startupTrials?: number;
  /** Epochs of a trial before which it is not pruned. Default: 0. */
  readonly warmupSteps?: number;
  /** Epochs from one check to the next, from the end of the warm-up on. Default: 1. */
  readonly interval?: number;
  /** Complete trials with a value at this epoch, with fewer of which a trial is not pruned. Default: 1. */
  readonly minTrials?: number;
}

/**
 * Prunes a trial whose best value so far is worse than the median of the complete trials' values at the same epoch
 * (Golovin et al. 2017, section 3.2.2, which takes running means). Rule and defaults are those of Optuna's
 * MedianPruner.
 */
export function medianPruner(options: MedianPrunerOptions = {}): Pruner {
  assertOptions('medianPruner', options, {
    startupTrials: 'number',
    warmupSteps: 'number',
    interval: 'number',
    minTrials: 'number',
  });
  const { startupTrials = 5, warmupSteps = 0, interval = 1, minTrials = 1 } = options;
  assertWhole({ startupTrials, warmupSteps }, 0);
  assertWhole({ interval, minTrials }, 1);
  return {
    shouldPrune(history, trial) {
      const complete = history.trials.filter(({ state }) => state === 'complete');
      if (complete.length === 0 || complete.length < startupTrials) return false;
      const step = lastStep(trial);
      if (step === null || step < warmupSteps) return false;
      const check = Math.floor((step - warmupSteps) / interval) * interval + warmupSteps;
      if ([...trial.intermediate.keys()].some((other) => other !== step && other >= check)) return false;
      const values = numbersOf(trial.intermediate.values());
      if (values.length === 0) return true;
      const atStep = complete.filter(({ intermediate }) => intermediate.has(step));
      if (atStep.length < minTrials) return false;
      const others = numbersOf(atStep.map(({ intermediate }) => intermediate.get(step)!));
      return others.length > 0 && isWorse(bestOf(values, history.direction), median(others), history.direction);
    },
  };
}

export interface AshaPrunerOptions {
  /** Epochs that every trial gets, at least. Default: 1. */
  readonly minResource?: number;
  /** The part of the trials that goes on from a rung is one of so many, and the next rung is so many times as far. Default: 4. */
  readonly reductionFactor?: number;
  /** Rungs that are left out at the beginning. Default: 0. */
  readonly minEarlyStoppingRate?: number;
  /** Trials that must have reached a rung before any goes on from it. Default: 0. */
  readonly bootstrapCount?: number;
}

/**
 * Asynchronous successive halving (Li et al. 2018, "A System for Massively Parallel Hyperparameter Tuning"), as in
 * Optuna's SuccessiveHalvingPruner: rung k is at epoch minResource · reductionFactor^(minEarlyStoppingRate + k). A trial
 * that reaches it goes on if it is among the best 1 / reductionFactor of all trials that have reached it until now.
 *
 * Unlike the paper's, it cannot suspend a trial and resume it later: until reductionFactor trials have reached a rung,
 * the best goes on. Optuna's default `min_resource: 'auto'` depends on which trial ends first, which a history does not
 * tell; up to 199 epochs it comes to 1.
 */
export function ashaPruner(options: AshaPrunerOptions = {}): Pruner {
  assertOptions('ashaPruner', options, {
    minResource: 'number',
    reductionFactor: 'number',
    minEarlyStoppingRate: 'number',
    bootstrapCount: 'number',
  });
  const { minResource = 1, reductionFactor = 4, minEarlyStoppingRate = 0, bootstrapCount = 0 } = options;
  assertWhole({ minResource }, 1);
  assertWhole({ reductionFactor }, 2);
  assertWhole({ minEarlyStoppingRate, bootstrapCount }, 0);

  /** Whether the value is among the best of its rung. */
  const isPromoted = (value: number, { direction, trials }: History, trial: Trial, epoch: number) => {
    const others = trials
      .filter(({ number }) => number !== trial.number)
      .map((other) => valueAtRung(other.intermediate, epoch))
      .filter((each) => each !== null);
    const competing = [...others, value].sort((a, b) => (direction === 'maximize' ? b - a : a - b));
    if (competing.length <= bootstrapCount) return false;
    const promoted = Math.max(1, Math.floor(competing.length / reductionFactor));
    return !isWorse(value, competing[promoted - 1]!, direction);
  };

  return {
    shouldPrune(history, trial) {
      const step = lastStep(trial);
      if (step === null) return false;
      const value = trial.intermediate.get(step)!;
      const before = new Map([...trial.intermediate].filter(([other]) => other !== step));
      let epoch = minResource * reductionFactor ** minEarlyStoppingRate;
      for (; epoch <= step; epoch *= reductionFactor) {
        if (valueAtRung(before, epoch) !== null) continue; // was decided then
        if (Number.isNaN(value) || !isPromoted(value, history, trial, epoch)) return true;
      }
      return false;
    },
  };
}

/** The value with which a trial reached a rung: its first number at the rung's epoch or later. */
function valueAtRung(intermediate: Trial['intermediate'], epoch: number): number | null {
  const steps = [...intermediate.keys()].filter((step) => step >= epoch && !Number.isNaN(intermediate.get(step)));
  return steps.length > 0 ? intermediate.get(Math.min(...steps))! : null;
}

function lastStep({ intermediate }: Trial): number | null {
  return intermediate.size > 0 ? Math.max(...intermediate.keys()) : null;
}

const numbersOf = (values: Iterable<number>) => [...values].filter((value) => !Number.isNaN(value));

const bestOf = (values: readonly number[], direction: Direction) =>
  direction === 'maximize' ? Math.max(...values) : Math.min(...values);

const isWorse = (value: number, than: number, direction: Direction) =>
  direction === 'maximize' ? value < than : value > than;

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  if (sorted.length % 2 === 1) return sorted[Math.floor(middle)]!;
  return (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function assertWhole(options: Readonly<Record<string, number>>, least: number): void {
  for (const [option, received] of Object.entries(options)) {
    if (Number.isSafeInteger(received) && received >= least) continue;
    throw new OptionError({ option, expected: `a whole number from ${least}`, received });
  }
}
