import { z } from 'zod';
import {
  constant,
  type Optimizer,
  type OptimizerName,
  oneCycle,
  optimizers,
  type Schedule,
  stepDecay,
} from '../../optim/index.ts';
import { choice, orDefault } from './choice.ts';
import type { ResolvedConfig } from './index.ts';

const scheduleNames = ['constant', 'step', 'one-cycle'] as const;
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

/** How the parameters that are trained are moved. */
export const optimisationOptions = {
  batchSize: z.int().min(1).default(16).describe('pictures per step'),
  optimizer: choice('--optimizer', optimizerNames).default('adamw').describe(optimizerNames.join(' | ')),
  learningRate: orDefault(z.number().positive()).describe(
    'of the head, at its peak; default: 0.001, for sgd and adagrad 0.01, for lamb 0.003, for lion 0.0001',
  ),
  momentum: z.number().min(0).lt(1).default(0.9).describe('of sgd'),
  nesterov: z.boolean().default(false).describe('Nesterov momentum, for sgd'),
  weightDecay: orDefault(z.number().min(0)).describe(
    'decoupled for adamw and lion, in the update for lamb, else L2; default: 0.01 for adamw and lamb, 0.1 for lion, else 0',
  ),
  schedule: choice('--schedule', scheduleNames).default('one-cycle').describe(scheduleNames.join(' | ')),
  stepEpochs: z.int().min(1).default(10).describe('epochs between two drops to a tenth, for the step schedule'),
  labelSmoothing: z.number().min(0).lt(1).default(0).describe('share of the target spread over all classes'),
};

export function optimizerOf({ optimizer, momentum, nesterov, weightDecay }: ResolvedConfig): Optimizer {
  return optimizer === 'sgd'
    ? optimizers.sgd({ momentum, nesterov, weightDecay })
    : optimizers[optimizer]({ weightDecay });
}

export function scheduleOf({
  schedule,
  learningRate,
  epochs,
  stepEpochs,
}: ResolvedConfig): (steps: number) => Schedule {
  switch (schedule) {
    case 'constant':
      return () => constant(learningRate);
    case 'step':
      return (steps) => stepDecay({ learningRate, every: Math.max(1, Math.round((steps / epochs) * stepEpochs)) });
    case 'one-cycle':
      return (steps) => oneCycle({ maximum: learningRate, steps });
  }
}
