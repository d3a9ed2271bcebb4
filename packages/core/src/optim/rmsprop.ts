import { add, div, mul, relu, sqrt, square, sub } from '../ops/index.ts';
import { defineOptimizer, type LearningRates, movingMean, type OptimizerFactory } from './optimizer.ts';

export interface RmspropOptions extends LearningRates {
  /** The decay of the mean of the squares. Default 0.99. */
  readonly alpha?: number;
  /** Added to the root of the mean square. Default 1e-8. */
  readonly epsilon?: number;
  /** µ, the share of the last step's direction that is kept. Default 0. */
  readonly momentum?: number;
  /** Divide by the gradient's standard deviation instead of its root mean square (Graves 2013, section 4.2). */
  readonly centered?: boolean;
  /** L2: added to the gradient. Default 0. */
  readonly weightDecay?: number;
}

/**
 * RMSprop (Hinton 2012, lecture 6e, in PyTorch's form): v ← α·v + (1-α)·g², d = g / (√v + ε), p ← p - η·d, or with
 * momentum b ← µ·b + d, p ← p - η·b.
 */
export const rmsprop: OptimizerFactory<RmspropOptions> = defineOptimizer<RmspropOptions>({
  name: 'rmsprop',
  options: { alpha: 0.99, epsilon: 1e-8, momentum: 0, centered: false },
  decay: 'L2',
  learningRate: 0.001,
  weightDecay: 0,
  highestRate: 0.001,
  rule: ({ alpha, epsilon, momentum, centered }) => ({
    slots: ['square', ...(centered ? ['mean'] : []), ...(momentum > 0 ? ['momentum'] : [])],
    step({ parameter, gradient, slots, rate }) {
      const squares = movingMean(slots.square!, square(gradient), alpha);
      const mean = centered ? movingMean(slots.mean!, gradient, alpha) : null;
      // A variance, but rounding may bring it below 0 where the gradient hardly changes.
      const variance = mean ? relu(sub(squares, square(mean))) : squares;
      const scaled = div(gradient, add(sqrt(variance), epsilon));
      const velocity = momentum > 0 ? add(mul(slots.momentum!, momentum), scaled) : null;
      return {
        parameter: sub(parameter, mul(velocity ?? scaled, rate)),
        slots: { square: squares, ...(mean && { mean }), ...(velocity && { momentum: velocity }) },
      };
    },
  }),
});
