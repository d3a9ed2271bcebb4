import type { Value } from '../graph/index.ts';
import { add, mul, sub } from '../ops/index.ts';

/** The settings by which a parameter is trained. */
export interface ParameterSetting {
  /** Factor on the learning rate. */
  readonly rate: number;
  /** Factor on the optimizer's weight decay. Default 1. */
  readonly weightDecay?: number;
}

/**
 * The learning rates of an optimizer, for `fit`. A schedule goes from them; the update itself is told the rate at every
 * step.
 */
export interface LearningRates {
  /** The learning rate of all parameters that no pattern of `rates` matches. Default: the optimizer's own. */
  readonly learningRate?: number | undefined;
  /**
   * The learning rates of groups of parameters, by the patterns that `freeze` takes: `{ head: 1e-3, layer4: 1e-4 }`.
   * The first pattern that means a parameter decides.
   */
  readonly rates?: Readonly<Record<string, number>> | undefined;
}

/** The scalar graph inputs that a step feeds, so that a schedule recompiles nothing. */
export interface StepScalars {
  readonly learningRate: Value;
  /** One for each of the optimizer's `scalars`. */
  readonly [name: string]: Value;
}

/** The state of an optimizer for one parameter, by the name of the slot. */
export type Slots = Readonly<Record<string, Value>>;

/** One parameter after a step: its new value and its slots' new values. */
export interface Updated {
  readonly parameter: Value;
  readonly slots: Slots;
}

/**
 * An optimizer as a pure pair. `slots` says what is kept for each parameter, all zeros at first and of the parameter's
 * shape; `update` is one step on one parameter as a graph.
 */
export interface Optimizer extends LearningRates {
  readonly name: string;
  readonly slots: readonly string[];
  /**
   * Numbers that depend on the step, computed on the host in double precision: 1 - β₂ᵗ loses all but three digits in
   * single precision at the first steps. `step` counts from 1, since the parameter began to be trained.
   */
  scalars(step: number): Readonly<Record<string, number>>;
  /** The setting has this parameter's factors on the learning rate and on the weight decay. */
  update(parameter: Value, gradient: Value, slots: Slots, scalars: StepScalars, setting: ParameterSetting): Updated;
}

/** The learning rate of one parameter. */
export function rateOf({ learningRate }: StepScalars, { rate }: ParameterSetting): Value {
  return mul(learningRate, rate);
}

/** The weight decay of one parameter, of an optimizer's `weightDecay`. */
export function decayOf(weightDecay: number, setting: ParameterSetting): number {
  return weightDecay * (setting.weightDecay ?? 1);
}

/** L2: the gradient of ½ λ p² is added to the loss's, g + λ·p. */
export function addDecay(gradient: Value, parameter: Value, decay: number): Value {
  return decay === 0 ? gradient : add(gradient, mul(parameter, decay));
}

/** Decoupled: p·(1 - η·λ), whatever the gradient is (Loshchilov & Hutter 2017). */
export function shrink(parameter: Value, eta: Value, decay: number): Value {
  return decay === 0 ? parameter : mul(parameter, sub(1, mul(eta, decay)));
}

/** a ← β·a + (1-β)·x: a running mean over about 1/(1-β) steps. */
export function movingMean(average: Value, x: Value, beta: number): Value {
  return add(mul(average, beta), mul(x, 1 - beta));
}
