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

/** How the parameters that are trained are moved. */
export const optimisationOptions = {
  batchSize: z.int().min(1).default(16).describe('pictures per step'),
  optimizer: choice('--optimizer', optimizerNames).default('adamw').describe(optimizerNames.join(' | ')),
  learningRate: orDefault(z.number().positive()).describe('of the head, at its peak; default: 0.001, or 0.01 for sgd'),
  momentum: z.number().min(0).lt(1).default(0.9).describe('of sgd'),
  nesterov: z.boolean().default(false).describe('Nesterov momentum, for sgd'),
  weightDecay: orDefault(z.number().min(0)).describe('default: 0.01 for adamw (decoupled), else 0 (L2)'),
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
