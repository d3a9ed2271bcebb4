import { add, mul, sub } from '../ops/index.ts';
import { addDecay, decayOf, type LearningRates, type Optimizer, rateOf, type Updated } from './optimizer.ts';

export interface SgdOptions extends LearningRates {
  readonly momentum?: number;
  readonly nesterov?: boolean;
  /** L2: added to the gradient. */
  readonly weightDecay?: number;
}

/**
 * Stochastic gradient descent, with momentum in PyTorch's form: v ← µ·v + g, p ← p - η·v, or with Nesterov
 * p ← p - η·(g + µ·v) (Sutskever et al. 2013). Defaults: momentum 0.9.
 */
export function sgd(options: SgdOptions = {}): Optimizer {
  const { momentum = 0.9, nesterov = false, weightDecay = 0, learningRate, rates } = options;
  return {
    name: 'sgd',
    learningRate,
    rates,
    slots: momentum > 0 ? ['momentum'] : [],
    scalars: () => ({}),
    update(parameter, gradient, slots, scalars, setting): Updated {
      const g = addDecay(gradient, parameter, decayOf(weightDecay, setting));
      const eta = rateOf(scalars, setting);
      if (momentum === 0) return { parameter: sub(parameter, mul(g, eta)), slots: {} };
      const velocity = add(mul(slots.momentum!, momentum), g);
      const direction = nesterov ? add(g, mul(velocity, momentum)) : velocity;
      return { parameter: sub(parameter, mul(direction, eta)), slots: { momentum: velocity } };
    },
  };
}
