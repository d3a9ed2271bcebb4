import type { Value } from '../graph/index.ts';
import { div, greater, minimum, mul, reduceSum, sqrt, square, sub, where } from '../ops/index.ts';
import { type AdamOptions, corrections, denominator, updateMoments } from './adam.ts';
import { addDecay, defineOptimizer, type OptimizerFactory } from './optimizer.ts';

/**
 * LAMB (You et al. 2019, algorithm 2, as in timm): Adam's direction with the decay in it, u = m̂ / (√v̂ + ε) + λ·p, as
 * long as the parameter is: p ← p - η·(‖p‖/‖u‖)·u. Where either norm is 0, or the parameter has no decay (biases,
 * norms), p ← p - η·u. Gradients are not clipped here. Defaults: ε 1e-6, λ 0.01.
 */
export const lamb: OptimizerFactory<AdamOptions> = defineOptimizer<AdamOptions>({
  name: 'lamb',
  options: { beta1: 0.9, beta2: 0.999, epsilon: 1e-6 },
  decay: 'in the update',
  learningRate: 0.003,
  weightDecay: 0.01,
  highestRate: 0.01,
  rule: ({ beta1, beta2, epsilon }) => ({
    slots: ['mean', 'square'],
    scalars: (step) => corrections(beta1, beta2, step),
    step({ parameter, gradient, slots, scalars, rate, decay }) {
      const moments = updateMoments(slots, gradient, beta1, beta2);
      const mean = mul(moments.mean, scalars.correction1!);
      const direction = div(mean, denominator(moments, scalars.correction2!, epsilon));
      const decayed = addDecay(direction, parameter, decay);
      const length = decay === 0 ? rate : mul(rate, trustRatio(parameter, decayed));
      return { parameter: sub(parameter, mul(decayed, length)), slots: moments };
    },
  }),
});

/** ‖p‖ / ‖u‖, or 1 where one of them is 0. */
function trustRatio(parameter: Value, direction: Value): Value {
  const p = norm(parameter);
  const u = norm(direction);
  return where(greater(minimum(p, u), 0), div(p, u), 1);
}

function norm(x: Value): Value {
  return sqrt(reduceSum(square(x)));
}
