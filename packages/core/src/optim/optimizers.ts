import { adagrad } from './adagrad.ts';
import { adam, adamw, nadam, radam } from './adam.ts';
import { lamb } from './lamb.ts';
import { lion } from './lion.ts';
import type { LearningRates, Optimizer } from './optimizer.ts';
import { rmsprop } from './rmsprop.ts';
import { sgd } from './sgd.ts';

/** An optimizer, with what configurations, their help and the guard rails go by. */
export interface OptimizerEntry<Options> {
  readonly create: (options?: Options) => Optimizer;
  /** Its options with their defaults; the weight decay and the learning rate stand below. */
  readonly options: {
    readonly [Option in keyof Omit<Options, 'weightDecay' | keyof LearningRates>]-?: Options[Option];
  };
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

/** Checks an entry against the options of its optimizer: a forgotten one does not compile. */
const entry = <Options>(of: OptimizerEntry<Options>) => of;

/** Every optimizer, by the name that a configuration takes. */
export const optimizers = {
  sgd: entry({
    create: sgd,
    options: { momentum: 0.9, nesterov: false },
    decay: 'L2',
    learningRate: 0.01,
    weightDecay: 0,
    highestRate: 0.05,
  }),
  adam: entry({
    create: adam,
    options: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
    decay: 'L2',
    learningRate: 0.001,
    weightDecay: 0,
    highestRate: 0.001,
  }),
  adamw: entry({
    create: adamw,
    options: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
    decay: 'decoupled',
    learningRate: 0.001,
    weightDecay: 0.01,
    highestRate: 0.001,
  }),
  nadam: entry({
    create: nadam,
    options: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, momentumDecay: 0.004 },
    decay: 'L2',
    learningRate: 0.001,
    weightDecay: 0,
    highestRate: 0.001,
  }),
  radam: entry({
    create: radam,
    options: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
    decay: 'L2',
    learningRate: 0.001,
    weightDecay: 0,
    highestRate: 0.001,
  }),
  rmsprop: entry({
    create: rmsprop,
    options: { alpha: 0.99, epsilon: 1e-8, momentum: 0, centered: false },
    decay: 'L2',
    learningRate: 0.001,
    weightDecay: 0,
    highestRate: 0.001,
  }),
  adagrad: entry({
    create: adagrad,
    options: { epsilon: 1e-10 },
    decay: 'L2',
    learningRate: 0.01,
    weightDecay: 0,
    highestRate: 0.01,
  }),
  lamb: entry({
    create: lamb,
    options: { beta1: 0.9, beta2: 0.999, epsilon: 1e-6 },
    decay: 'in the update',
    learningRate: 0.003,
    weightDecay: 0.01,
    highestRate: 0.01,
  }),
  lion: entry({
    create: lion,
    options: { beta1: 0.9, beta2: 0.99 },
    decay: 'decoupled',
    learningRate: 0.0001,
    weightDecay: 0.1,
    highestRate: 0.0003,
  }),
} as const satisfies Readonly<Record<OptimizerName, unknown>>;

export type OptimizerName = 'sgd' | 'adam' | 'adamw' | 'nadam' | 'radam' | 'rmsprop' | 'adagrad' | 'lamb' | 'lion';
export const optimizerNames = Object.keys(optimizers) as OptimizerName[];

/** The learning rate that suits an optimizer of that name; undefined where it is not one of these. */
export function usualLearningRate(name: string): number | undefined {
  const known = optimizerNames.find((each) => each === name);
  return known && optimizers[known].learningRate;
}

/** An option of one of the optimizers. */
type OptionOf<Name extends OptimizerName> = keyof (typeof optimizers)[Name]['options'];
export type OptimizerOption = { [Name in OptimizerName]: OptionOf<Name> }[OptimizerName];

/** The optimizers that have an option, each with its default. */
export function defaultsOf(option: OptimizerOption): ReadonlyMap<OptimizerName, number | boolean> {
  return new Map(
    optimizerNames.flatMap((name) => {
      const value = Object.entries(optimizers[name].options).find(([key]) => key === option)?.[1];
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}
