import type { ExplainMethod } from '@graft-ml/core/internal/explain/methods';
import type { Seen } from '@graft-ml/core/internal/image/seen';
import type { CollectionLabelIssue, ImageCollection } from '@graft-ml/web';

/** An image to look at: a file, or a frame, which is used up. */
export type Frame = Blob | ImageBitmap;

/** A model that answers images, wherever it came from. */
export interface Answerer {
  /** What it is, in a few words: the name of its file or run. */
  readonly name: string;
  /** The path of the run; null where it is a file. */
  readonly path: string | null;
  readonly classes: readonly string[];
  /** The images that it was made of, by their content; null where nobody recorded that. */
  readonly seen: Seen | null;
  /**
   * The probability of each class, in the order of `classes`. Calls take turns.
   * @throws Error (by rejection) where the image cannot be used
   */
  predict(frame: Frame): Promise<readonly number[]>;
  /** What only runs can do: exported files have no gradients. */
  readonly insight?: Insight;
  /** Frees it. Idempotent. */
  close(): void;
}

/** A look into a model. */
export interface Insight {
  /**
   * What in an image speaks for the likeliest class, by Grad-CAM, laid on it in colour.
   * @throws Error (by rejection) where the image cannot be used
   */
  explain(image: Blob): Promise<{ readonly name: string; readonly method: ExplainMethod; readonly overlay: ImageData }>;
  /** The input of the last layer for each image, (f); null where one cannot be used. */
  features(images: readonly Blob[], onProgress: (done: number) => void): Promise<readonly (Float32Array | null)[]>;
  /** Images of the collection whose class is probably wrong, the worst first, by `<class>/<name>`. */
  labelIssues(images: ImageCollection, onProgress: (done: number) => void): Promise<readonly CollectionLabelIssue[]>;
}
