import type { Value } from '../graph/index.ts';
import { add, div, mul, sqrt, square, sub } from '../ops/index.ts';
import {
  defineOptimizer,
  type LearningRates,
  movingMean,
  type OptimizerDefinition,
  type OptimizerFactory,
  type Slots,
} from './optimizer.ts';

export interface AdamOptions extends LearningRates {
  /** The decay of the mean of the gradients. Default 0.9. */
  readonly beta1?: number;
  /** The decay of the mean of their squares. Default 0.999. */
  readonly beta2?: number;
  /** Added to the root of the mean square. Default 1e-8. */
  readonly epsilon?: number;
  /** λ. Where it acts, and its default, differ from one relative of Adam to the next. */
  readonly weightDecay?: number;
}

const definition: OptimizerDefinition<AdamOptions> = {
  name: 'adam',
  options: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  decay: 'L2',
  learningRate: 0.001,
  weightDecay: 0,
  highestRate: 0.001,
  rule: ({ beta1, beta2, epsilon }) => ({
    slots: ['mean', 'square'],
    scalars: (step) => corrections(beta1, beta2, step),
    step({ parameter, gradient, slots, scalars, rate }) {
      const moments = updateMoments(slots, gradient, beta1, beta2);
      const numerator = mul(moments.mean, mul(rate, scalars.correction1!));
      const step = div(numerator, denominator(moments, scalars.correction2!, epsilon));
      return { parameter: sub(parameter, step), slots: moments };
    },
  }),
};

/** Adam (Kingma & Ba 2014, algorithm 1). Weight decay is L2: added to the gradient. Default λ 0. */
export const adam: OptimizerFactory<AdamOptions> = defineOptimizer(definition);

/** AdamW (Loshchilov & Hutter 2017, algorithm 2, as in PyTorch): p ← p·(1 - η·λ) before Adam's step. Default λ 0.01. */
export const adamw: OptimizerFactory<AdamOptions> = defineOptimizer({
  ...definition,
  name: 'adamw',
  decay: 'decoupled',
  weightDecay: 0.01,
});

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
