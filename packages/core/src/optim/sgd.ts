import { add, mul, sub } from '../ops/index.ts';
import { defineOptimizer, type LearningRates, type OptimizerFactory, type Updated } from './optimizer.ts';

export interface SgdOptions extends LearningRates {
  /** µ, the share of the last step's direction that is kept. Default 0.9; 0: none. */
  readonly momentum?: number;
  /** Whether the gradient is taken as if the momentum's step had been made. Default false. */
  readonly nesterov?: boolean;
  /** L2: added to the gradient. Default 0. */
  readonly weightDecay?: number;
}

/**
 * Stochastic gradient descent, with momentum in PyTorch's form: v ← µ·v + g, p ← p - η·v, or with Nesterov
 * p ← p - η·(g + µ·v) (Sutskever et al. 2013).
 */
export const sgd: OptimizerFactory<SgdOptions> = defineOptimizer<SgdOptions>({
  name: 'sgd',
  options: { momentum: 0.9, nesterov: false },
  decay: 'L2',
  learningRate: 0.01,
  weightDecay: 0,
  highestRate: 0.05,
  rule: ({ momentum, nesterov }) => ({
    slots: momentum > 0 ? ['momentum'] : [],
    step({ parameter, gradient, slots, rate }): Updated {
      if (momentum === 0) return { parameter: sub(parameter, mul(gradient, rate)), slots: {} };
      const velocity = add(mul(slots.momentum!, momentum), gradient);
      const direction = nesterov ? add(gradient, mul(velocity, momentum)) : velocity;
      return { parameter: sub(parameter, mul(direction, rate)), slots: { momentum: velocity } };
    },
  }),
});
