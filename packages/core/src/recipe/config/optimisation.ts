import * as z from 'zod';
import type { Value } from '../../graph/index.ts';
import { clipByNorm, clipByValue, type Optimizer, type OptimizerName, optimizers } from '../../optim/index.ts';
import { choice, orDefault } from './choice.ts';
import type { ResolvedConfig } from './index.ts';
import { lossOptions } from './loss.ts';
import { scheduleOptions } from './schedule.ts';

const optimizerNames = Object.keys(optimizers) as OptimizerName[];

/** What fits the head of a pretrained network, as far as the optimizers' authors say: of LAMB and Lion their papers. */
export const optimizerDefaults: Readonly<
  Record<OptimizerName, { readonly learningRate: number; readonly weightDecay: number }>
> = {
  sgd: { learningRate: 0.01, weightDecay: 0 },
  adam: { learningRate: 0.001, weightDecay: 0 },
  adamw: { learningRate: 0.001, weightDecay: 0.01 },
  nadam: { learningRate: 0.001, weightDecay: 0 },
  radam: { learningRate: 0.001, weightDecay: 0 },
  rmsprop: { learningRate: 0.001, weightDecay: 0 },
  adagrad: { learningRate: 0.01, weightDecay: 0 },
  lamb: { learningRate: 0.003, weightDecay: 0.01 },
  lion: { learningRate: 0.0001, weightDecay: 0.1 },
};

export const optimizerChoice = choice('--optimizer', optimizerNames);
export const optimizerText = optimizerNames.join(' | ');

/** What an optimizer may be told. */
export const optimizerOptions = {
  momentum: orDefault(z.number().min(0).lt(1)).describe('of sgd, default: 0.9; of rmsprop, default: 0'),
  nesterov: z.boolean().default(false).describe('Nesterov momentum, for sgd'),
  centered: z.boolean().default(false).describe('divide by the standard deviation of the gradient, for rmsprop'),
  beta1: orDefault(z.number().min(0).lt(1)).describe('of the Adam family, lamb and lion; default: 0.9'),
  beta2: orDefault(z.number().min(0).lt(1)).describe(
    'of the Adam family and lamb, default: 0.999; of lion, default: 0.99',
  ),
  epsilon: orDefault(z.number().positive()).describe(
    'of the Adam family and rmsprop, default: 1e-8; of lamb 1e-6, of adagrad 1e-10',
  ),
  weightDecay: orDefault(z.number().min(0)).describe(
    'decoupled for adamw and lion, in the update for lamb, else L2; default: 0.01 for adamw and lamb, 0.1 for lion, else 0',
  ),
  clipNorm: orDefault(z.number().positive()).describe('largest norm of the gradient of all parameters together'),
  clipValue: orDefault(z.number().positive()).describe('largest element of a gradient'),
};

/** How the parameters that are trained are moved. */
export const optimisationOptions = {
  batchSize: z.int().min(1).default(16).describe('images per step'),
  optimizer: optimizerChoice.default('adamw').describe(optimizerText),
  learningRate: orDefault(z.number().positive()).describe(
    'of the head, at its peak; default: 0.001, for sgd and adagrad 0.01, for lamb 0.003, for lion 0.0001',
  ),
  ...optimizerOptions,
  ...scheduleOptions,
  ...lossOptions,
};

type OptimizerConfig = Pick<ResolvedConfig, 'optimizer' | keyof typeof optimizerOptions>;

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

/** What is done to all gradients of a step before the optimizer sees them: elements are cut first, then the norm. */
export function clipOf({
  clipNorm,
  clipValue,
}: Pick<ResolvedConfig, 'clipNorm' | 'clipValue'>): ((gradients: readonly Value[]) => readonly Value[]) | undefined {
  if (clipNorm === null && clipValue === null) return undefined;
  return (gradients) => {
    const cut = clipValue === null ? gradients : clipByValue(gradients, clipValue);
    return clipNorm === null ? cut : clipByNorm(cut, clipNorm).gradients;
  };
}
