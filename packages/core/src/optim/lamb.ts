import type { Value } from '../graph/index.ts';
import { div, greater, minimum, mul, reduceSum, sqrt, square, sub, where } from '../ops/index.ts';
import { type AdamOptions, corrections, denominator, updateMoments } from './adam.ts';
import { addDecay, decayOf, type Optimizer, rateOf } from './optimizer.ts';

/**
 * LAMB (You et al. 2019, algorithm 2, as in timm): Adam's direction with the decay in it, u = m̂ / (√v̂ + ε) + λ·p, as
 * long as the parameter is: p ← p - η·(‖p‖/‖u‖)·u. Where either norm is 0, or the parameter has no decay (biases,
 * norms), p ← p - η·u. Gradients are not clipped here. Defaults: ε 1e-6, λ 0.01.
 */
export function lamb(options: AdamOptions = {}): Optimizer {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-6, weightDecay = 0.01, learningRate, rates } = options;
  return {
    name: 'lamb',
    learningRate,
    rates,
    slots: ['mean', 'square'],
    scalars: (step) => corrections(beta1, beta2, step),
    update(parameter, gradient, slots, scalars, setting) {
      const decay = decayOf(weightDecay, setting);
      const moments = updateMoments(slots, gradient, beta1, beta2);
      const mean = mul(moments.mean, scalars.correction1!);
      const direction = div(mean, denominator(moments, scalars.correction2!, epsilon));
      const decayed = addDecay(direction, parameter, decay);
      const eta = rateOf(scalars, setting);
      const length = decay === 0 ? eta : mul(eta, trustRatio(parameter, decayed));
      return { parameter: sub(parameter, mul(decayed, length)), slots: moments };
    },
  };
}

/** ‖p‖ / ‖u‖, or 1 where one of them is 0. */
function trustRatio(parameter: Value, direction: Value): Value {
  const p = norm(parameter);
  const u = norm(direction);
  return where(greater(minimum(p, u), 0), div(p, u), 1);
}

function norm(x: Value): Value {
  return sqrt(reduceSum(square(x)));
}
