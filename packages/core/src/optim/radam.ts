import { add, div, mul, sqrt, sub } from '../ops/index.ts';
import { type AdamOptions, corrections, updateMoments } from './adam.ts';
import { defineOptimizer, type OptimizerFactory } from './optimizer.ts';

/**
 * Rectified Adam (Liu et al. 2019, algorithm 2, as in PyTorch): as long as too few squares are averaged for their mean
 * to be trusted (ρₜ ≤ 5), a step along the mean alone, p ← p - η·m̂; then Adam's, times rₜ. Weight decay is L2. Default
 * λ 0.
 */
export const radam: OptimizerFactory<AdamOptions> = defineOptimizer<AdamOptions>({
  name: 'radam',
  options: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  decay: 'L2',
  learningRate: 0.001,
  weightDecay: 0,
  highestRate: 0.001,
  rule: ({ beta1, beta2, epsilon }) => ({
    slots: ['mean', 'square'],
    // One graph for both kinds of step: the factor of the one that is not taken is 0.
    scalars(step) {
      const { correction1, correction2 } = corrections(beta1, beta2, step);
      const rectification = rectify(beta2, step);
      const isAdaptive = rectification !== null;
      return {
        plain: isAdaptive ? 0 : correction1,
        adaptive: isAdaptive ? (rectification * correction1) / correction2 : 0,
      };
    },
    step({ parameter, gradient, slots, scalars, rate }) {
      const moments = updateMoments(slots, gradient, beta1, beta2);
      const factor = add(div(scalars.adaptive!, add(sqrt(moments.square), epsilon)), scalars.plain!);
      const step = mul(mul(moments.mean, rate), factor);
      return { parameter: sub(parameter, step), slots: moments };
    },
  }),
});

/** rₜ, or null where the mean of the squares is not to be trusted yet. */
function rectify(beta2: number, step: number): number | null {
  const limit = 2 / (1 - beta2) - 1;
  const length = limit - (2 * step * beta2 ** step) / (1 - beta2 ** step);
  if (length <= 5) return null;
  return Math.sqrt(((length - 4) * (length - 2) * limit) / ((limit - 4) * (limit - 2) * length));
}
