/** An image to look at: a file, or a frame, which is used up. */
export type Frame = Blob | ImageBitmap;

/** A model that answers images, wherever it came from. */
export interface Answerer {
  /** What it is, in a few words: the name of its file or run. */
  readonly name: string;
  /** The path of the run; null where it is a file. */
  readonly path: string | null;
  readonly classes: readonly string[];
  /**
   * The probability of each class, in the order of `classes`. Calls take turns.
   * @throws Error (by rejection) where the image cannot be used
   */
  predict(frame: Frame): Promise<readonly number[]>;
  /** Frees it. Idempotent. */
  close(): void;
}
