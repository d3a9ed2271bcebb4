import { type AdagradOptions, adagrad } from './adagrad.ts';
import { type AdamOptions, adam, adamw } from './adam.ts';
import { lamb } from './lamb.ts';
import { type LionOptions, lion } from './lion.ts';
import { type NadamOptions, nadam } from './nadam.ts';
import { radam } from './radam.ts';
import { type RmspropOptions, rmsprop } from './rmsprop.ts';
import { type SgdOptions, sgd } from './sgd.ts';

/** Every optimizer, by the name that a configuration takes. */
export const optimizers = {
  sgd,
  adam,
  adamw,
  nadam,
  radam,
  rmsprop,
  adagrad,
  lamb,
  lion,
} as const satisfies Readonly<Record<OptimizerName, unknown>>;

export type OptimizerName = 'sgd' | 'adam' | 'adamw' | 'nadam' | 'radam' | 'rmsprop' | 'adagrad' | 'lamb' | 'lion';
export const optimizerNames = Object.keys(optimizers) as OptimizerName[];

export type { AdagradOptions, AdamOptions, LionOptions, NadamOptions, RmspropOptions, SgdOptions };
export { adagrad, adam, adamw, lamb, lion, nadam, radam, rmsprop, sgd };

/** The learning rate that suits an optimizer of that name; undefined where it is not one of these. */
export function usualLearningRate(name: string): number | undefined {
  const known = optimizerNames.find((each) => each === name);
  return known && optimizers[known].learningRate;
}

/** An option of one of the optimizers. */
export type OptimizerOption = { [Name in OptimizerName]: keyof (typeof optimizers)[Name]['options'] }[OptimizerName];

/** The optimizers that have an option, each with its default. */
export function defaultsOf(option: OptimizerOption): ReadonlyMap<OptimizerName, number | boolean> {
  return new Map(
    optimizerNames.flatMap((name) => {
      const value = Object.entries(optimizers[name].options).find(([key]) => key === option)?.[1];
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}
