import { add, div, mul, sqrt, square, sub } from '../ops/index.ts';
import { addDecay, decayOf, type LearningRates, type Optimizer, rateOf } from './optimizer.ts';

export interface AdagradOptions extends LearningRates {
  /** Default 1e-10. */
  readonly epsilon?: number;
  /** L2: added to the gradient. */
  readonly weightDecay?: number;
}

/** Adagrad (Duchi et al. 2011): s ← s + g², p ← p - η·g / (√s + ε). Its rates only ever fall. */
export function adagrad(options: AdagradOptions = {}): Optimizer {
  const { epsilon = 1e-10, weightDecay = 0, learningRate, rates } = options;
  return {
    name: 'adagrad',
    learningRate,
    rates,
    slots: ['sum'],
    scalars: () => ({}),
    update(parameter, gradient, slots, scalars, setting) {
      const g = addDecay(gradient, parameter, decayOf(weightDecay, setting));
      const sum = add(slots.sum!, square(g));
      const step = div(mul(g, rateOf(scalars, setting)), add(sqrt(sum), epsilon));
      return { parameter: sub(parameter, step), slots: { sum } };
    },
  };
}
