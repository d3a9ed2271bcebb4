import { adagrad } from './adagrad.ts';
import { adam, adamw, nadam, radam } from './adam.ts';
import { lamb } from './lamb.ts';
import { lion } from './lion.ts';
import { rmsprop } from './rmsprop.ts';
import { sgd } from './sgd.ts';

/** By the name that `--optimizer` takes. */
export const optimizers = { sgd, adam, adamw, nadam, radam, rmsprop, adagrad, lamb, lion } as const;

export type OptimizerName = keyof typeof optimizers;
