import { OptionError } from '../base/errors.ts';
import type { Shape } from '../base/tensor.ts';
import { type Optimizer, type ParameterSetting, type Schedule, usualLearningRate } from '../optim/index.ts';
import type { Unfrozen } from './fit-stages.ts';
import type { Model } from './model.ts';
import { selected } from './selection.ts';
import { freshStage, type Stage } from './stage.ts';

export interface RateOptions {
  readonly optimizer: Optimizer;
  readonly schedule: Schedule;
  readonly stepsPerEpoch: number;
  /** Whether weight decay applies to biases and the parameters of norms, too. */
  readonly normDecay: boolean;
}

/**
 * The stages with the rates of their parameters: a pattern's rate is to the optimizer's as the parameter's is to what
 * the schedule gives.
 *
 * @throws OptionError where a rate is no rate, or of parameters that are never trained
 */
export function withRates(
  model: Model,
  stages: readonly Unfrozen[],
  { optimizer, schedule, stepsPerEpoch, normDecay }: RateOptions,
): Stage[] {
  const learningRate = learningRateOf(optimizer);
  const rates = ratesOf(model, optimizer, stages);
  return stages.map(({ name, epochs, trained, isFresh }, i) => {
    const start = freshStage(stages, i);
    const sharing = stages.filter((_, j) => freshStage(stages, j) === start);
    const steps = stepsPerEpoch * sharing.reduce((sum, { epochs }) => sum + epochs, 0);
    return {
      name,
      epochs,
      isFresh,
      schedule: (step, losses) => schedule(step, losses, { steps, learningRate }),
      settings: new Map(
        [...model.table.parameters].map(([parameter, shape]) => [
          parameter,
          trained.has(parameter) ? settingOf(parameter, shape, { rates, learningRate, normDecay }) : null,
        ]),
      ),
    };
  });
}

/** The learning rate of the parameters that a pattern means. */
export interface PatternRate {
  readonly names: ReadonlySet<string>;
  readonly rate: number;
}

/**
 * The setting of a parameter: the rate of the first pattern that matches it, relative to the learning rate. Null: it is
 * frozen.
 */
export function settingOf(
  name: string,
  { length: dimensions }: Shape,
  options: {
    readonly rates: readonly PatternRate[];
    readonly learningRate: number;
    readonly normDecay: boolean;
  },
): ParameterSetting | null {
  const { rates, learningRate, normDecay } = options;
  const given = rates.find(({ names }) => names.has(name));
  const rate = given ? given.rate / learningRate : 1;
  return rate === 0 ? null : { rate, weightDecay: dimensions > 1 || normDecay ? 1 : 0 };
}

/** @throws OptionError for a factory that was not called, and whatever else is no optimizer */
export function assertOptimizer(optimizer: unknown): asserts optimizer is Optimizer {
  if (typeof optimizer === 'object' && optimizer !== null && 'slots' in optimizer) return;
  const expected = 'an optimizer: adamw(), with its brackets';
  throw new OptionError({ option: 'optimizer', expected, received: typeof optimizer });
}

/** The learning rate of parameters that no pattern matches. */
export function learningRateOf({ name, learningRate }: Optimizer): number {
  const rate = learningRate ?? usualLearningRate(name);
  if (rate !== undefined && rate > 0 && Number.isFinite(rate)) return rate;
  throw new OptionError({ option: 'optimizer.learningRate', expected: 'a number above 0', received: rate });
}

function ratesOf(model: Model, { rates = {} }: Optimizer, stages: readonly Unfrozen[]): PatternRate[] {
  const decided = new Set<string>();
  return Object.entries(rates).map(([pattern, rate]) => {
    const names = selected('optimizer.rates', pattern, model.table);
    const option = 'optimizer.rates';
    if (!(rate >= 0 && Number.isFinite(rate))) {
      throw new OptionError({ option, expected: 'rates from 0 on', received: { [pattern]: rate } });
    }
    const own = [...names].filter((name) => !decided.has(name));
    for (const name of own) decided.add(name);
    const isIdle = !own.some((name) => stages.some(({ trained }) => trained.has(name)));
    if (isIdle && rate > 0 && pattern !== 'all' && pattern !== '*') {
      const problem =
        own.length === 0
          ? `: ${pattern} decides about nothing: what stands before it matches all of it.`
          : `: ${pattern} is frozen, so its rate means nothing. Unfreeze it: model.unfreeze('${pattern}').`;
      throw new OptionError({ option, expected: 'rates of parameters that are trained', received: pattern, problem });
    }
    return { names, rate };
  });
}
