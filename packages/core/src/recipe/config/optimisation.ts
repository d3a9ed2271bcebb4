import * as z from 'zod';
import {
  clipperOf,
  defaultsOf,
  type GradientTransform,
  type Optimizer,
  type OptimizerFactory,
  type OptimizerName,
  type OptimizerOption,
  optimizerNames,
  optimizers,
} from '../../optim/index.ts';
import { choice, type OptionSchemas, orDefault } from './choice.ts';
import { defaultsText, listed } from './exceptions.ts';
import { type LossOptions, lossOptions } from './loss.ts';
import { type ScheduleOptions, scheduleOptions } from './schedule.ts';

export const optimizerChoice = choice(optimizerNames);
export const optimizerText = optimizerNames.join(' | ');

const having = (option: OptimizerOption) => listed(defaultsOf(option).keys());
const optionText = (option: OptimizerOption) => `of ${having(option)}; default: ${defaultsText(defaultsOf(option))}`;

/** A fact of every optimizer, for help. */
const factText = (fact: 'learningRate' | 'weightDecay') =>
  defaultsText(optimizerNames.map((name) => [name, optimizers[name][fact]]));

const decaying = (decay: OptimizerFactory<object>['decay']) =>
  listed(optimizerNames.filter((name) => optimizers[name].decay === decay));

/** The options of optimizers, and what is done to gradients before. Null: what the optimizer's authors say. */
export interface OptimizerOptions {
  readonly momentum: number | null;
  readonly nesterov: boolean;
  readonly centered: boolean;
  readonly beta1: number | null;
  readonly beta2: number | null;
  readonly epsilon: number | null;
  readonly weightDecay: number | null;
  /** The largest norm of the gradient of all parameters together; null: any. */
  readonly clipNorm: number | null;
  /** The largest element of a gradient; null: any. */
  readonly clipValue: number | null;
}

export const optimizerOptions: OptionSchemas<OptimizerOptions> = {
  momentum: orDefault(z.number().min(0).lt(1)).describe(optionText('momentum')),
  nesterov: z
    .boolean()
    .default(false)
    .describe(`Nesterov momentum, for ${having('nesterov')}`),
  centered: z
    .boolean()
    .default(false)
    .describe(`divide by the standard deviation of the gradient, for ${having('centered')}`),
  beta1: orDefault(z.number().min(0).lt(1)).describe(optionText('beta1')),
  beta2: orDefault(z.number().min(0).lt(1)).describe(optionText('beta2')),
  epsilon: orDefault(z.number().positive()).describe(optionText('epsilon')),
  weightDecay: orDefault(z.number().min(0)).describe(
    `decoupled for ${decaying('decoupled')}, in the update for ${decaying('in the update')}, else L2; default: ` +
      `${factText('weightDecay')}`,
  ),
  clipNorm: orDefault(z.number().positive()).describe('largest norm of the gradient of all parameters together'),
  clipValue: orDefault(z.number().positive()).describe('largest element of a gradient'),
};

/** The optimisation of the trained parameters. */
export interface OptimisationOptions extends OptimizerOptions, ScheduleOptions, LossOptions {
  /** Images per step. */
  readonly batchSize: number;
  readonly optimizer: OptimizerName;
  /** The head's learning rate at its peak; null: one that suits the optimizer. */
  readonly learningRate: number | null;
}

export const optimisationOptions: OptionSchemas<OptimisationOptions> = {
  batchSize: z.int().min(1).default(16).describe('images per step'),
  optimizer: optimizerChoice.default('adamw').describe(optimizerText),
  learningRate: orDefault(z.number().positive()).describe(
    `peak learning rate of the head; default: ${factText('learningRate')}`,
  ),
  ...optimizerOptions,
  ...scheduleOptions,
  ...lossOptions,
};

type OptimizerConfig = OptimizerOptions & { readonly optimizer: OptimizerName; readonly weightDecay: number };

/** The optimizer with the options that were given; it has its own defaults for the others. */
export function optimizerOf(config: OptimizerConfig): Optimizer {
  const { optimizer, weightDecay, nesterov, centered, momentum, beta1, beta2, epsilon } = config;
  return optimizers[optimizer]({
    weightDecay,
    nesterov,
    centered,
    momentum: momentum ?? undefined,
    beta1: beta1 ?? undefined,
    beta2: beta2 ?? undefined,
    epsilon: epsilon ?? undefined,
  });
}

/** The clipping of all gradients of a step before the optimizer sees them: first the elements, then the norm. */
export function clipOf({
  clipNorm,
  clipValue,
}: Pick<OptimizerOptions, 'clipNorm' | 'clipValue'>): GradientTransform | undefined {
  if (clipNorm === null && clipValue === null) return undefined;
  return clipperOf({ norm: clipNorm ?? undefined, value: clipValue ?? undefined });
}
