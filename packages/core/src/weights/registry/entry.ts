import type { Preprocessing } from '../../models/index.ts';

/**
 * One published file of weights, and all that is known about it. Entries of one architecture stand in order of
 * preference: the first is its default.
 */
export interface WeightsEntry {
  /**
   * `<origin>/<model>.<tag>`: `torchvision/resnet50.imagenet1k_v2`, `timm/resnet18.a1_in1k`. The path in the cache,
   * too.
   */
  readonly name: string;
  /** The model of the zoo that it belongs to. */
  readonly architecture: string;
  readonly url: string;
  /**
   * The SHA-256 of the file, or as much of it as is published; null where the Hugging Face hub gives it with the
   * download.
   */
  readonly sha256: string | null;
  /** The file's size as published: 2^20 bytes, rounded to three decimals. */
  readonly sizeMiB: number | null;
  /**
   * The licence of the weights where they have one of their own, else of the package that publishes them. An SPDX
   * identifier, or a reference in SPDX's form to one that SPDX does not list; null where none is stated.
   */
  readonly licence: Licence | null;
  /** A link to the training recipe or the publisher. */
  readonly source: string;
  /** The number of learned parameters, with the file's head where it has one. */
  readonly parameters: number;
  /** Percent of ImageNet-1k's validation images. Accuracies are those that the publisher states. */
  readonly top1: number | null;
  readonly top5: number | null;
  /** The preprocessing with which the network was measured; `crop` is the input size. */
  readonly preprocessing: Preprocessing;
  /**
   * The classes of the outputs, in order: a list in `assets/`. Null where only the backbone is of use, for other
   * classes.
   */
  readonly classes: 'imagenet1k' | null;
  /** Where `classes` is null, the number of outputs of the file's head; 0: it has none. */
  readonly outputs?: number | undefined;
}

/** The licence of published weights, by SPDX. */
export type Licence =
  | 'Apache-2.0'
  | 'BSD-3-Clause'
  | 'CC-BY-NC-4.0'
  | 'MIT'
  | 'LicenseRef-DINOv3'
  | 'LicenseRef-FAIR-Noncommercial-Research';
