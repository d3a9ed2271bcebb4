import type { Shape } from '../base/tensor.ts';
import type { EncodedGraph } from '../graph/index.ts';
import type { ImageSet, ImageView } from './examples.ts';
import type { Source } from './source.ts';

/** Features that frozen layers are to make of images, with all that they depend on. */
export interface Extraction {
  readonly images: ImageSet;
  /** How the images are viewed; view v of an image is that of epoch v + 1. */
  readonly view: ImageView;
  /** Images that go through the frozen layers together. Rows come out the same whoever shares their batch. */
  readonly batchSize: number;
  /** The shape of one row. */
  readonly shape: Shape;
  /** Threads inside one operator. */
  readonly threads: number;
  /**
   * The frozen layers as a graph: `batch/input`, u8 (batchSize, 3, crop, crop), to `features`, f32 (batchSize, …shape).
   * Their values are in it, and which lowerings were chosen.
   */
  encode(): Promise<EncodedGraph>;
}

/**
 * Computes features elsewhere, in other processes or on other machines: a source of rows that are asked for in large
 * numbers. Null where these images cannot be reached from there.
 */
export type ExtractElsewhere = (extraction: Extraction) => Promise<Source | null>;
