import type { Value } from '../graph/index.ts';
import { add, div, mul, sqrt, square, sub } from '../ops/index.ts';
import type { ParameterSetting } from './rules.ts';

/** The scalar graph inputs that a step feeds, so that a schedule recompiles nothing. */
export interface StepScalars {
  readonly learningRate: Value;
  /** One for each of the optimizer's `scalars`. */
  readonly [name: string]: Value;
}

/** What an optimizer gives for one parameter: its new value and its slots' new values. */
export interface Updated {
  readonly parameter: Value;
  readonly slots: Readonly<Record<string, Value>>;
}

/**
 * An optimizer as a pure pair. `slots` says what is kept for each parameter, all zeros at first and of the parameter's
 * shape; `update` is one step on one parameter as a graph.
 */
export interface Optimizer {
  readonly name: string;
  readonly slots: readonly string[];
  /** Numbers that depend on the step (from 1), computed on the host in double precision. */
  scalars(step: number): Readonly<Record<string, number>>;
  /** The setting has this parameter's factors on the learning rate and on the weight decay. */
  update(
    parameter: Value,
    gradient: Value,
    slots: Readonly<Record<string, Value>>,
    scalars: StepScalars,
    setting: ParameterSetting,
  ): Updated;
}

export interface SgdOptions {
  readonly momentum?: number;
  readonly nesterov?: boolean;
  /** L2: added to the gradient. */
  readonly weightDecay?: number;
}

/**
 * Stochastic gradient descent, with momentum in PyTorch's form: v ← µ·v + g, p ← p - η·v, or with Nesterov
 * p ← p - η·(g + µ·v) (Sutskever et al. 2013). Defaults: momentum 0.9.
 */
export function sgd({ momentum = 0.9, nesterov = false, weightDecay = 0 }: SgdOptions = {}): Optimizer {
  return {
    name: 'sgd',
    slots: momentum > 0 ? ['momentum'] : [],
    scalars: () => ({}),
    update(parameter, gradient, slots, { learningRate }, setting): Updated {
      const g = decayed(gradient, parameter, weightDecay * (setting.weightDecay ?? 1));
      const eta = mul(learningRate, setting.rate);
      if (momentum === 0) return { parameter: sub(parameter, mul(g, eta)), slots: {} };
      const velocity = add(mul(slots.momentum!, momentum), g);
      const direction = nesterov ? add(g, mul(velocity, momentum)) : velocity;
      return { parameter: sub(parameter, mul(direction, eta)), slots: { momentum: velocity } };
    },
  };
}

export interface AdamOptions {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  readonly weightDecay?: number;
}

/** Adam (Kingma & Ba 2014, algorithm 1). Weight decay is L2: added to the gradient. */
export function adam(options: AdamOptions = {}): Optimizer {
  return adamWith('adam', options, (gradient, parameter, weightDecay) => ({
    gradient: decayed(gradient, parameter, weightDecay),
    parameter,
  }));
}

/** AdamW (Loshchilov & Hutter 2017, algorithm 2, as in PyTorch): p ← p·(1 - η·λ) before the step. Default λ 0.01. */
export function adamw({ weightDecay = 0.01, ...options }: AdamOptions = {}): Optimizer {
  return adamWith('adamw', { ...options, weightDecay }, (gradient, parameter, decay, eta) => ({
    gradient,
    parameter: decay === 0 ? parameter : mul(parameter, sub(1, mul(eta, decay))),
  }));
}

type Decay = (
  gradient: Value,
  parameter: Value,
  weightDecay: number,
  eta: Value,
) => { gradient: Value; parameter: Value };

function adamWith(name: string, options: AdamOptions, decay: Decay): Optimizer {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0 } = options;
  return {
    name,
    slots: ['mean', 'square'],
    // Host numbers: 1 - β₂^t loses all but three digits in single precision at the first steps.
    scalars: (step) => ({ correction1: 1 / (1 - beta1 ** step), correction2: 1 / Math.sqrt(1 - beta2 ** step) }),
    update(before, rawGradient, slots, { learningRate, ...scalars }, setting) {
      const eta = mul(learningRate, setting.rate);
      const lambda = weightDecay * (setting.weightDecay ?? 1);
      const { gradient, parameter } = decay(rawGradient, before, lambda, eta);
      const mean = add(mul(slots.mean!, beta1), mul(gradient, 1 - beta1));
      const squares = add(mul(slots.square!, beta2), mul(square(gradient), 1 - beta2));
      const denominator = add(mul(sqrt(squares), scalars.correction2!), epsilon);
      const step = div(mul(mean, mul(eta, scalars.correction1!)), denominator);
      return { parameter: sub(parameter, step), slots: { mean, square: squares } };
    },
  };
}

function decayed(gradient: Value, parameter: Value, weightDecay: number): Value {
  return weightDecay === 0 ? gradient : add(gradient, mul(parameter, weightDecay));
}

export const optimizers = { sgd, adam, adamw } as const;
export type OptimizerName = keyof typeof optimizers;
