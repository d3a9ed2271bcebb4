import { add, div, mul, relu, sqrt, square, sub } from '../ops/index.ts';
import { addDecay, decayOf, type LearningRates, movingMean, type Optimizer, rateOf } from './optimizer.ts';

export interface RmspropOptions extends LearningRates {
  /** The decay of the mean of the squares. Default 0.99. */
  readonly alpha?: number;
  /** Default 1e-8. */
  readonly epsilon?: number;
  /** Default 0. */
  readonly momentum?: number;
  /** Divide by the gradient's standard deviation instead of its root mean square (Graves 2013, section 4.2). */
  readonly centered?: boolean;
  /** L2: added to the gradient. */
  readonly weightDecay?: number;
}

/**
 * RMSprop (Hinton 2012, lecture 6e, in PyTorch's form): v ← α·v + (1-α)·g², d = g / (√v + ε), p ← p - η·d, or with
 * momentum b ← µ·b + d, p ← p - η·b.
 */
export function rmsprop(options: RmspropOptions = {}): Optimizer {
  const {
    alpha = 0.99,
    epsilon = 1e-8,
    momentum = 0,
    centered = false,
    weightDecay = 0,
    learningRate,
    rates,
  } = options;
  return {
    name: 'rmsprop',
    learningRate,
    rates,
    slots: ['square', ...(centered ? ['mean'] : []), ...(momentum > 0 ? ['momentum'] : [])],
    scalars: () => ({}),
    update(parameter, gradient, slots, scalars, setting) {
      const g = addDecay(gradient, parameter, decayOf(weightDecay, setting));
      const squares = movingMean(slots.square!, square(g), alpha);
      const mean = centered ? movingMean(slots.mean!, g, alpha) : null;
      // A variance, but rounding may bring it below 0 where the gradient hardly changes.
      const variance = mean ? relu(sub(squares, square(mean))) : squares;
      const scaled = div(g, add(sqrt(variance), epsilon));
      const velocity = momentum > 0 ? add(mul(slots.momentum!, momentum), scaled) : null;
      return {
        parameter: sub(parameter, mul(velocity ?? scaled, rateOf(scalars, setting))),
        slots: { square: squares, ...(mean && { mean }), ...(velocity && { momentum: velocity }) },
      };
    },
  };
}
