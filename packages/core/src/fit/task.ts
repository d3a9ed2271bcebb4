import type { Tensors } from '../base/tensor.ts';
import type { Value } from '../graph/index.ts';
import type { BatchNormPolicy, CrossEntropyOptions } from '../nn/index.ts';
import type { Optimizer } from '../optim/index.ts';
import type { Stage, Timetable } from './stage.ts';

/** All that a run needs, resolved: nothing is looked up or guessed from here on. */
export interface TrainingTask extends Timetable {
  readonly stages: readonly Stage[];
  /** First values of all the network's variables. */
  readonly initial: Tensors;
  readonly optimizer: Optimizer;
  readonly loss: Omit<CrossEntropyOptions, 'imageWeights'>;
  /** What is done to all gradients together before the optimizer sees them. */
  readonly clip?: ((gradients: readonly Value[]) => readonly Value[]) | undefined;
  /** Of the layers that are trained. */
  readonly batchNorm: BatchNormPolicy;
  readonly batchSize: number;
  /** Batches that make one step. */
  readonly accumulate: number;
  /** Positions in the training source, in the order of an epoch (from 1). */
  order(epoch: number): readonly number[];
  /** The decay of moving averages, which are then what is evaluated and kept. */
  readonly average: number | null;
  /** Epochs without a better one after which the last stage ends. */
  readonly patience: number | null;
  readonly seed: number;
}
