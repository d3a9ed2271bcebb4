import { add, div, mul, sqrt, square, sub } from '../ops/index.ts';
import { defineOptimizer, type LearningRates, type OptimizerFactory } from './optimizer.ts';

export interface AdagradOptions extends LearningRates {
  /** Added to the root of the sum of squares. Default 1e-10. */
  readonly epsilon?: number;
  /** L2: added to the gradient. Default 0. */
  readonly weightDecay?: number;
}

/** Adagrad (Duchi et al. 2011): s ← s + g², p ← p - η·g / (√s + ε). Its rates only ever fall. */
export const adagrad: OptimizerFactory<AdagradOptions> = defineOptimizer<AdagradOptions>({
  name: 'adagrad',
  options: { epsilon: 1e-10 },
  decay: 'L2',
  learningRate: 0.01,
  weightDecay: 0,
  highestRate: 0.01,
  rule: ({ epsilon }) => ({
    slots: ['sum'],
    step({ parameter, gradient, slots, rate }) {
      const sum = add(slots.sum!, square(gradient));
      const step = div(mul(gradient, rate), add(sqrt(sum), epsilon));
      return { parameter: sub(parameter, step), slots: { sum } };
    },
  }),
});
