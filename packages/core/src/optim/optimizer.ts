import { assertOptions } from '../base/options.ts';
import type { Value } from '../graph/index.ts';
import { add, mul, sub } from '../ops/index.ts';

/** The settings of a trained parameter. */
export interface ParameterSetting {
  /** Factor on the learning rate. */
  readonly rate: number;
  /** Factor on the optimizer's weight decay. Default 1. */
  readonly weightDecay?: number;
}

/**
 * The learning rates of an optimizer, for `fit`. A schedule starts from them; the update itself is fed the rate at
 * every step.
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

/** The options that every optimizer takes. */
type CommonOptions = LearningRates & { readonly weightDecay?: number };

/** Makes an optimizer of given options, and knows what configurations, their help and the guard rails go by. */
export interface OptimizerFactory<Options> {
  /** @throws OptionError where an option has a value of another kind, or is not one of this optimizer's */
  (options?: Options): Optimizer;
  /** Its own options with their defaults. */
  readonly options: {
    readonly [Option in keyof Omit<Options, 'weightDecay' | keyof LearningRates>]-?: Options[Option];
  };
  /**
   * The place of the weight decay: λ·p added to the gradient (L2), p ← p·(1 - η·λ) before the step (decoupled;
   * Loshchilov & Hutter 2017), or wherever the step puts it.
   */
  readonly decay: 'L2' | 'decoupled' | 'in the update';
  /**
   * These two suit the head of a pretrained network, as far as the optimizers' authors say: for LAMB and Lion, their
   * papers.
   */
  readonly learningRate: number;
  readonly weightDecay: number;
  /**
   * The highest learning rate that pretrained layers stand. Their weights are a few hundredths large. The Adam family
   * moves each by about the rate in every step, so that at 1e-3 some thirty steps replace them; Adagrad does at first,
   * and then ever less. Lion moves by exactly the rate, and its paper asks for a third to a tenth of Adam's. LAMB moves
   * a layer by the rate as a part of its length. SGD follows the gradient; fine-tuning uses 0.001 to 0.01, and from 0.1
   * on it is training from scratch.
   */
  readonly highestRate: number;
}

/** The inputs of one step on one parameter. */
export interface StepInputs {
  /** The parameter, with a decoupled weight decay applied. */
  readonly parameter: Value;
  /** The gradient, with the weight decay added where that is L2. */
  readonly gradient: Value;
  readonly slots: Slots;
  readonly scalars: StepScalars;
  /** The learning rate of this parameter, η. */
  readonly rate: Value;
  /** The weight decay of this parameter, λ, for a step that applies it itself. */
  readonly decay: number;
}

/** The update of an optimizer whose options are known. */
export interface UpdateRule {
  readonly slots: readonly string[];
  /** As `Optimizer.scalars`. Default: none. */
  scalars?(step: number): Readonly<Record<string, number>>;
  step(inputs: StepInputs): Updated;
}

export interface OptimizerDefinition<Options>
  extends Pick<OptimizerFactory<Options>, 'options' | 'decay' | 'learningRate' | 'weightDecay' | 'highestRate'> {
  readonly name: string;
  /** The weight decay where none is given, if the reference has another one than `weightDecay`. */
  readonly defaultDecay?: number;
  rule(options: OptimizerFactory<Options>['options']): UpdateRule;
}

/** Defines an optimizer in one block: its options, its facts and its update. Weight decay and rates are done here. */
/* @__NO_SIDE_EFFECTS__ */
export function defineOptimizer<Options extends CommonOptions>(
  definition: OptimizerDefinition<Options>,
): OptimizerFactory<Options> {
  const { name, decay, options, learningRate, weightDecay, highestRate, defaultDecay = weightDecay } = definition;
  const create = (given?: Options): Optimizer => {
    const { slots, scalars = () => ({}), step } = definition.rule(withDefaults(name, given, options));
    const lambda = given?.weightDecay ?? defaultDecay;
    return {
      name,
      learningRate: given?.learningRate,
      rates: given?.rates,
      slots,
      scalars,
      update(parameter, gradient, kept, fed, setting) {
        const rate = mul(fed.learningRate, setting.rate);
        const own = lambda * (setting.weightDecay ?? 1);
        return step({
          parameter: decay === 'decoupled' ? shrink(parameter, rate, own) : parameter,
          gradient: decay === 'L2' ? addDecay(gradient, parameter, own) : gradient,
          slots: kept,
          scalars: fed,
          rate,
          decay: own,
        });
      },
    };
  };
  return Object.assign(create, { options, decay, learningRate, weightDecay, highestRate });
}

/** @throws OptionError where an option is not one of the optimizer's, or is of another kind than its default */
function withDefaults<Own extends object>(name: string, given: object = {}, defaults: Own): Own {
  const own = Object.entries(defaults).map(([key, value]) => [key, typeof value === 'boolean' ? 'boolean' : 'number']);
  const common = { weightDecay: 'number', learningRate: 'number', rates: 'rates' } as const;
  assertOptions(name, given, { ...Object.fromEntries(own), ...common });
  const chosen = Object.entries(given).filter(([key, value]) => value !== undefined && Object.hasOwn(defaults, key));
  return { ...defaults, ...Object.fromEntries(chosen) };
}

/** L2: the gradient of ½ λ p² is added to the loss's, g + λ·p. */
export function addDecay(gradient: Value, parameter: Value, decay: number): Value {
  return decay === 0 ? gradient : add(gradient, mul(parameter, decay));
}

/** Decoupled: p·(1 - η·λ), whatever the gradient is (Loshchilov & Hutter 2017). */
function shrink(parameter: Value, eta: Value, decay: number): Value {
  return decay === 0 ? parameter : mul(parameter, sub(1, mul(eta, decay)));
}

/** a ← β·a + (1-β)·x: a running mean over about 1/(1-β) steps. */
export function movingMean(average: Value, x: Value, beta: number): Value {
  return add(mul(average, beta), mul(x, 1 - beta));
}
