import type { Tensors } from '../base/tensor.ts';
import type { Augmentation, AugmentationLevel } from '../image/augment/index.ts';
import type { BatchNormPolicy, Loss } from '../nn/index.ts';
import type { Clipping, GradientTransform, Optimizer, Schedule } from '../optim/index.ts';
import type { Cache } from './cache.ts';
import type { CheckpointStore, Progress } from './checkpoint.ts';
import type { TrainEvent } from './events.ts';
import type { Transform } from './examples.ts';
import type { ExtractElsewhere } from './extraction.ts';
import type { FitStage, Unfreezing } from './fit-stages.ts';
import type { Metric } from './metrics.ts';
import type { Mixing } from './mixing.ts';
import type { Profiler } from './profile/profiler.ts';

/** A store in which a fit saves its state and finds it again. */
export interface FitStore<M extends string = 'accuracy'> extends CheckpointStore<M> {
  /** The state saved last, for `resume`. Null where there is none. */
  load?(): Promise<SavedFit<M> | null>;
  /** The fit has ended, however that came: nothing more is written. */
  finish?(): Promise<void>;
}

/** The state of a fit, with the values of its best epoch. */
export interface SavedFit<M extends string = 'accuracy'> {
  readonly tensors: Tensors;
  readonly phase: Progress<M>;
  /** The tensors are the variables alone that an epoch ended with; the optimizer begins anew. Default false. */
  readonly isFresh?: boolean;
  readonly best?: Tensors | undefined;
}

/** Options of a run, whatever its steps are. */
export interface RunOptions<M extends string = 'accuracy'> {
  /**
   * The step under way is finished, the state saved, and the run ends with the event `interrupted`. Before the first
   * step, while frozen layers are computed, the run fails with the signal's reason.
   */
  readonly signal?: AbortSignal;
  readonly store?: FitStore<M>;
  /**
   * Goes on from what the store saved last, or from this state. The fit ends bit for bit like one that was not
   * interrupted. Default false.
   */
  readonly resume?: boolean | SavedFit<M>;
  /** Measures where the time of some steps goes. The fit is the same to the bit. */
  readonly profiler?: Profiler | undefined;
  /** Hear every event before the reader does. */
  readonly callbacks?: readonly ((event: TrainEvent<M>) => void | Promise<void>)[];
}

/** Options of `fit`. `M` are the names of the metrics: evaluations have a number under each. */
export interface FitOptions<M extends string = 'accuracy'> extends RunOptions<M> {
  /** Default 10. */
  readonly epochs?: number;
  /** Examples per batch. Default 16. */
  readonly batchSize?: number;
  /** The optimizer with its learning rates: `adamw({ rates: { head: 1e-3, layer4: 1e-4 } })`. Default: `adamw()`. */
  readonly optimizer?: Optimizer;
  /**
   * The learning rate at each step; a schedule without numbers of its own goes by the optimizer's and over the whole
   * run. Default: `oneCycle()`.
   */
  readonly schedule?: Schedule;
  /** Output and target to what is made small. Default: `crossEntropyLoss()`. */
  readonly loss?: Loss;
  /** Default: `[accuracy()]`. */
  readonly metrics?: readonly Metric<M>[];
  /** The criterion of the best epoch: `loss`, or a metric. Default: the first metric. */
  readonly best?: M | 'loss';
  /**
   * The augmentation, drawn anew for each image in every epoch: `light`, `standard`, `strong`, or a list of operations.
   * Default: none.
   */
  readonly augment?: AugmentationLevel | Augmentation;
  /** Changes batches of training examples, after the augmentation. */
  readonly transform?: Transform;
  /** Mixes the images of a batch with one another. Default: not. */
  readonly mixing?: Mixing;
  /** Parameters that are trained from an epoch on, besides those that the model does not freeze. */
  readonly unfreeze?: readonly Unfreezing[];
  /**
   * The stages of the run with the rates of every parameter, as a strategy plans them. They take the place of `epochs`,
   * `unfreeze`, `schedule`, the optimizer's rates, and of what the model freezes.
   */
  readonly stages?: readonly FitStage[];
  /** Limits on the gradients, or what else is done to all of them together. Default: none. */
  readonly clip?: Clipping | GradientTransform;
  /** Batches that make one step. Default 1. */
  readonly accumulate?: number;
  /**
   * The decay of moving averages of the parameters, which are then what is evaluated and kept: 0.999. Default: none.
   */
  readonly average?: number;
  /** Epochs without a better one after which the last stage ends. Default: no end before `epochs`. */
  readonly patience?: number;
  /** The statistics of batch norms in layers that are trained; frozen ones keep theirs. Default `running`. */
  readonly batchNorm?: BatchNormPolicy;
  /** Whether weight decay applies to biases and the parameters of norms, too. Default false. */
  readonly normDecay?: boolean;
  /**
   * `shuffle`: each example once in an epoch. `balanced`: drawn so that every class is equally likely. Default
   * `shuffle`.
   */
  readonly sampling?: 'shuffle' | 'balanced';
  /**
   * Augmented views of each image that frozen layers compute once, and epochs take in turn. Default: anew in every
   * epoch, which looks at more and costs more.
   */
  readonly views?: number | null;
  /** MiB for what frozen layers make of examples, and for decoded validation images. Default 1024. */
  readonly memory?: number;
  /** Keeps what frozen layers make of images for later fits: `defaultCache()` in Node. Default: none. */
  readonly cache?: Cache | null;
  /** MiB that the cache may take for that. Default 4096. */
  readonly disk?: number;
  /** Hears how many views of examples went through frozen layers, of those that are kept. */
  readonly onFeatures?: (done: number, total: number) => void;
  /**
   * Computes in other processes or on other machines what frozen layers make of images, where neither memory nor cache
   * has it: `extractElsewhere(farm)` of graft-ml/train. The fit ends bit for bit like one that computes it here.
   */
  readonly extract?: ExtractElsewhere | undefined;
  /** Hears, in a sentence, of a file of the cache that is damaged. */
  readonly onNote?: (note: string) => void;
  /** Decides order, augmentation, transforms and dropout. Default 0. */
  readonly seed?: number;
}
