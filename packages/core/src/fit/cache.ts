/// <reference lib="esnext.disposable" preserve="true" />
import type { Shape, Tensors } from '../base/tensor.ts';
import type { Preprocessing } from '../models/index.ts';
import type { ChoiceStore, Choices } from '../runtime/index.ts';

/**
 * Keeps results that can be computed again, for this program and later ones. A cache is passed to whatever may use it;
 * a result that is missing, unreadable or damaged costs only time.
 */
export interface Cache {
  /** The lowerings that were timed on one backend, by all that their times depend on. */
  choices(backend: string): ChoiceStore;
  /** The features that frozen layers make of images. @param shape of one row */
  features(origin: FeatureOrigin, shape: Shape, options: FeatureTableOptions): Promise<FeatureTable>;
}

/** All that features depend on besides the image. */
export interface FeatureOrigin {
  /** The graph of the frozen layers, as text. */
  readonly graph: string;
  /** Their values. */
  readonly variables: Tensors;
  readonly preprocessing: Preprocessing;
  /** The backend's identity: processor, threads, ORT's version. */
  readonly backend: string;
  readonly choices: Choices;
  /** A name for what decodes the images. */
  readonly decoder: string;
}

export interface FeatureTableOptions {
  /** Bytes for the features of all origins together; the longest unused give way. 0: nothing is read or written. */
  readonly limit: number;
  /** Hears, in a sentence, of a file that is damaged. */
  readonly onNote: (note: string) => void;
}

/** Rows of features by key. */
export interface FeatureTable extends AsyncDisposable {
  has(key: string): boolean;
  /** Copies a row to `target`. False where it is gone. */
  read(key: string, target: Float32Array): Promise<boolean>;
  /** Keeps rows for later runs, as far as the limit allows. */
  add(key: string, row: Float32Array): Promise<void>;
  /**
   * Does `work`, which adds so many rows, while nobody else does so for this table, in whatever process; what others
   * have added until then is there. Where so many would not be kept, and by default: at once.
   */
  alone?<T>(rows: number, work: () => Promise<T>): Promise<T>;
  /** Writes what was added. */
  flush(): Promise<void>;
  /** Writes what was added, and lets go of what is open. */
  close(): Promise<void>;
}

/** A table that keeps nothing: every row is computed when it is asked for. */
export const noFeatures: FeatureTable = {
  has: () => false,
  read: async () => false,
  add: async () => {},
  flush: async () => {},
  close: async () => {},
  [Symbol.asyncDispose]: async () => {},
};
