import type { TensorOf } from '../base/tensor.ts';

/** The shape of an episode: n-way, k-shot, q queries per class. */
export interface EpisodeShape {
  /** Classes. */
  readonly way: number;
  /** Images of each class to learn from. */
  readonly shots: number;
  /** Other images of each class, to be told apart after that. */
  readonly queries: number;
}

/**
 * A task: tell these classes apart. Images in class order: the first `shots` (or `queries`) rows are of label 0, and so
 * on.
 */
export interface Episode {
  /** (way · shots, 3, side, side) */
  readonly support: TensorOf<'u8'>;
  /** (way · shots), 0 to way - 1 */
  readonly supportLabels: TensorOf<'i64'>;
  /** (way · queries, 3, side, side); none of them is in the support set. */
  readonly query: TensorOf<'u8'>;
  /** (way · queries), 0 to way - 1 */
  readonly queryLabels: TensorOf<'i64'>;
  /** Names by label. */
  readonly classes: readonly string[];
}

/** The classes of one side of a split, of which episodes are drawn. */
export interface EpisodeSource {
  /** Rotation classes are classes. */
  readonly classes: readonly string[];
  /**
   * The episode at `address`: other classes and other images under every other address, and the same address gives the
   * same episode, in any process.
   *
   * @throws UserError where classes or images are too few
   * @example const task = sets.train.draw({ way: 5, shots: 1, queries: 15 }, ['train', step, i]);
   */
  draw(shape: EpisodeShape, address: readonly (string | number)[]): Episode;
}
