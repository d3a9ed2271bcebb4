import { add, div, mul, sub } from '../ops/index.ts';
import { type AdamOptions, corrections, denominator, updateMoments } from './adam.ts';
import { defineOptimizer, type OptimizerFactory } from './optimizer.ts';

export interface NadamOptions extends AdamOptions {
  /** ψ: the momentum µₜ = β₁·(1 - ½·0.96^(ψ·t)) grows from about β₁/2 to β₁ over some thousand steps. Default 0.004. */
  readonly momentumDecay?: number;
}

/**
 * Adam with Nesterov's momentum (Dozat 2016, with its schedule of momenta, as in PyTorch):
 * p ← p - η·[(1-µₜ)/(1-Πₜ)·g + µₜ₊₁/(1-Πₜ₊₁)·m] / (√v̂ + ε), Πₜ = µ₁·…·µₜ. Weight decay is L2. Default λ 0.
 */
export const nadam: OptimizerFactory<NadamOptions> = defineOptimizer<NadamOptions>({
  name: 'nadam',
  options: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, momentumDecay: 0.004 },
  decay: 'L2',
  learningRate: 0.001,
  weightDecay: 0,
  highestRate: 0.001,
  rule({ beta1, beta2, epsilon, momentumDecay }) {
    const momentum = (step: number) => beta1 * (1 - 0.5 * 0.96 ** (step * momentumDecay));
    return {
      slots: ['mean', 'square'],
      scalars(step) {
        const product = productUpTo(step, momentum);
        const next = momentum(step + 1);
        return {
          gradientFactor: (1 - momentum(step)) / (1 - product),
          meanFactor: next / (1 - product * next),
          correction2: corrections(beta1, beta2, step).correction2,
        };
      },
      step({ parameter, gradient, slots, scalars, rate }) {
        const moments = updateMoments(slots, gradient, beta1, beta2);
        const ahead = add(mul(gradient, scalars.gradientFactor!), mul(moments.mean, scalars.meanFactor!));
        const step = div(mul(ahead, rate), denominator(moments, scalars.correction2!, epsilon));
        return { parameter: sub(parameter, step), slots: moments };
      },
    };
  },
});

/** factor(1) · … · factor(count), or as many of them as change 1 - product. */
function productUpTo(count: number, factor: (index: number) => number): number {
  let product = 1;
  for (let i = 1; i <= count && product > Number.EPSILON / 4; i++) product *= factor(i);
  return product;
}
