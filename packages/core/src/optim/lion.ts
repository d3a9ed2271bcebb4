import { mul, sign, sub } from '../ops/index.ts';
import { decayOf, type LearningRates, movingMean, type Optimizer, rateOf, shrink } from './optimizer.ts';

export interface LionOptions extends LearningRates {
  /** The decay of the mean that gives the direction. Default 0.9. */
  readonly beta1?: number;
  /** The decay of the mean that is kept. Default 0.99. */
  readonly beta2?: number;
  /** Decoupled. Default 0. */
  readonly weightDecay?: number;
}

/**
 * Lion (Chen et al. 2023, algorithm 2): p ← p·(1 - η·λ) - η·sign(β₁·m + (1-β₁)·g), then m ← β₂·m + (1-β₂)·g. Every
 * element moves by η, so it wants a third to a tenth of AdamW's learning rate, and as much more weight decay (section
 * 5).
 */
export function lion(options: LionOptions = {}): Optimizer {
  const { beta1 = 0.9, beta2 = 0.99, weightDecay = 0, learningRate, rates } = options;
  return {
    name: 'lion',
    learningRate,
    rates,
    slots: ['mean'],
    scalars: () => ({}),
    update(parameter, gradient, slots, scalars, setting) {
      const eta = rateOf(scalars, setting);
      const direction = sign(movingMean(slots.mean!, gradient, beta1));
      return {
        parameter: sub(shrink(parameter, eta, decayOf(weightDecay, setting)), mul(direction, eta)),
        slots: { mean: movingMean(slots.mean!, gradient, beta2) },
      };
    },
  };
}
