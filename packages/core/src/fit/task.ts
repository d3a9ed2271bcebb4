import type { Tensors, TensorType } from '../base/tensor.ts';
import type { Value } from '../graph/index.ts';
import type { BatchNormPolicy, Loss } from '../nn/index.ts';
import type { Optimizer } from '../optim/index.ts';
import type { Criterion } from './evaluation.ts';
import type { Metric } from './metrics.ts';
import type { Source } from './source.ts';
import type { Stage, Timetable } from './stage.ts';
import type { Network } from './step.ts';

/** A stage of a training task: with its network and what that is fed. */
export interface TrainingStage extends Stage {
  /** The whole network, or the part behind the frozen layers. */
  readonly network: Network;
  /** Trains on mixed images. Default false. */
  readonly mixes?: boolean;
  /** Opens the inputs of its network. `variables` are those of the whole network when the stage begins. */
  open(variables: Tensors): Promise<StageSources>;
}

export interface StageSources {
  readonly training: Source;
  readonly validation: Source;
  /** Frees what stands behind the sources. */
  close(): Promise<void>;
}

/** A run, resolved: nothing is looked up or guessed from here on. */
export interface TrainingTask<M extends string = 'accuracy'> extends Timetable {
  readonly stages: readonly TrainingStage[];
  /** First values of all the network's variables. */
  readonly initial: Tensors;
  readonly optimizer: Optimizer;
  readonly loss: Loss;
  /** The type of one target, without the batch axis. Default: a label, i64 (). */
  readonly target?: TensorType | undefined;
  /** The metrics, in training and in evaluation. */
  readonly metrics: readonly Metric<M>[];
  /** The criterion of the best epoch. Default: the first metric, or the loss where there is none. */
  readonly criterion?: Criterion<M> | undefined;
  /** Clips all gradients together, before the optimizer sees them. */
  readonly clip?: ((gradients: readonly Value[]) => readonly Value[]) | undefined;
  /** The policy of batch norms in layers that are trained. */
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
