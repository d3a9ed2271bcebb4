import { mul, sign, sub } from '../ops/index.ts';
import { defineOptimizer, type LearningRates, movingMean, type OptimizerFactory } from './optimizer.ts';

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
export const lion: OptimizerFactory<LionOptions> = defineOptimizer<LionOptions>({
  name: 'lion',
  options: { beta1: 0.9, beta2: 0.99 },
  decay: 'decoupled',
  learningRate: 0.0001,
  weightDecay: 0.1,
  defaultDecay: 0, // timm's
  highestRate: 0.0003,
  rule: ({ beta1, beta2 }) => ({
    slots: ['mean'],
    step({ parameter, gradient, slots, rate }) {
      const direction = sign(movingMean(slots.mean!, gradient, beta1));
      return {
        parameter: sub(parameter, mul(direction, rate)),
        slots: { mean: movingMean(slots.mean!, gradient, beta2) },
      };
    },
  }),
});
