import type { Value } from '../graph/index.ts';
import { add, div, mul, sqrt, square, sub } from '../ops/index.ts';
import {
  addDecay,
  decayOf,
  type LearningRates,
  movingMean,
  type Optimizer,
  rateOf,
  type Slots,
  shrink,
} from './optimizer.ts';

export interface AdamOptions extends LearningRates {
  /** The decay of the mean of the gradients. Default 0.9. */
  readonly beta1?: number;
  /** The decay of the mean of their squares. Default 0.999. */
  readonly beta2?: number;
  /** Added to the root of the mean square. Default 1e-8. */
  readonly epsilon?: number;
  readonly weightDecay?: number;
}

/** Adam (Kingma & Ba 2014, algorithm 1). Weight decay is L2: added to the gradient. Default λ 0. */
export function adam(options: AdamOptions = {}): Optimizer {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0, learningRate, rates } = options;
  return {
    name: 'adam',
    learningRate,
    rates,
    slots: ['mean', 'square'],
    scalars: (step) => corrections(beta1, beta2, step),
    update(parameter, gradient, slots, scalars, setting) {
      const g = addDecay(gradient, parameter, decayOf(weightDecay, setting));
      const moments = updateMoments(slots, g, beta1, beta2);
      const numerator = mul(moments.mean, mul(rateOf(scalars, setting), scalars.correction1!));
      const step = div(numerator, denominator(moments, scalars.correction2!, epsilon));
      return { parameter: sub(parameter, step), slots: moments };
    },
  };
}

/** AdamW (Loshchilov & Hutter 2017, algorithm 2, as in PyTorch): p ← p·(1 - η·λ) before Adam's step. Default λ 0.01. */
export function adamw({ weightDecay = 0.01, ...options }: AdamOptions = {}): Optimizer {
  const step = adam(options);
  return {
    ...step,
    name: 'adamw',
    update(parameter, gradient, slots, scalars, setting) {
      const smaller = shrink(parameter, rateOf(scalars, setting), decayOf(weightDecay, setting));
      return step.update(smaller, gradient, slots, scalars, setting);
    },
  };
}

export interface NadamOptions extends AdamOptions {
  /** ψ: the momentum µₜ = β₁·(1 - ½·0.96^(ψ·t)) grows from about β₁/2 to β₁ over some thousand steps. Default 0.004. */
  readonly momentumDecay?: number;
}

/**
 * Adam with Nesterov's momentum (Dozat 2016, with its schedule of momenta, as in PyTorch):
 * p ← p - η·[(1-µₜ)/(1-Πₜ)·g + µₜ₊₁/(1-Πₜ₊₁)·m] / (√v̂ + ε), Πₜ = µ₁·…·µₜ. Weight decay is L2.
 */
export function nadam({ momentumDecay = 0.004, ...options }: NadamOptions = {}): Optimizer {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0, learningRate, rates } = options;
  const momentum = (step: number) => beta1 * (1 - 0.5 * 0.96 ** (step * momentumDecay));
  return {
    name: 'nadam',
    learningRate,
    rates,
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
    update(parameter, gradient, slots, scalars, setting) {
      const g = addDecay(gradient, parameter, decayOf(weightDecay, setting));
      const moments = updateMoments(slots, g, beta1, beta2);
      const ahead = add(mul(g, scalars.gradientFactor!), mul(moments.mean, scalars.meanFactor!));
      const numerator = mul(ahead, rateOf(scalars, setting));
      const step = div(numerator, denominator(moments, scalars.correction2!, epsilon));
      return { parameter: sub(parameter, step), slots: moments };
    },
  };
}

/** factor(1) · … · factor(count), or as many of them as change 1 - product. */
function productUpTo(count: number, factor: (index: number) => number): number {
  let product = 1;
  for (let i = 1; i <= count && product > Number.EPSILON / 4; i++) product *= factor(i);
  return product;
}

/**
 * Rectified Adam (Liu et al. 2019, algorithm 2, as in PyTorch): as long as too few squares are averaged for their mean
 * to be trusted (ρₜ ≤ 5), a step along the mean alone, p ← p - η·m̂; then Adam's, times rₜ. Weight decay is L2.
 */
export function radam(options: AdamOptions = {}): Optimizer {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0, learningRate, rates } = options;
  return {
    name: 'radam',
    learningRate,
    rates,
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
    update(parameter, gradient, slots, scalars, setting) {
      const g = addDecay(gradient, parameter, decayOf(weightDecay, setting));
      const moments = updateMoments(slots, g, beta1, beta2);
      const factor = add(div(scalars.adaptive!, add(sqrt(moments.square), epsilon)), scalars.plain!);
      const step = mul(mul(moments.mean, rateOf(scalars, setting)), factor);
      return { parameter: sub(parameter, step), slots: moments };
    },
  };
}

/** rₜ, or null where the mean of the squares is not to be trusted yet. */
function rectify(beta2: number, step: number): number | null {
  const limit = 2 / (1 - beta2) - 1;
  const length = limit - (2 * step * beta2 ** step) / (1 - beta2 ** step);
  if (length <= 5) return null;
  return Math.sqrt(((length - 4) * (length - 2) * limit) / ((limit - 4) * (limit - 2) * length));
}

/** The moments that Adam and its relatives keep: m ← β₁·m + (1-β₁)·g, v ← β₂·v + (1-β₂)·g². */
export function updateMoments(slots: Slots, gradient: Value, beta1: number, beta2: number) {
  return {
    mean: movingMean(slots.mean!, gradient, beta1),
    square: movingMean(slots.square!, square(gradient), beta2),
  };
}

/** m̂ = m · correction1 and √v̂ = √v · correction2: the means start from 0, not from the first gradient. */
export function corrections(beta1: number, beta2: number, step: number) {
  return { correction1: 1 / (1 - beta1 ** step), correction2: 1 / Math.sqrt(1 - beta2 ** step) };
}

/** √v̂ + ε. */
export function denominator(moments: { readonly square: Value }, correction2: Value, epsilon: number): Value {
  return add(mul(sqrt(moments.square), correction2), epsilon);
}
