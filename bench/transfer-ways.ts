import { parseConfig, resolveConfig, type TrainConfigInput } from '@graft-ml/core/internal/recipe/config/index';
import type { TransferSide } from '@graft-ml/core/internal/recipe/partial-transfer';
import { trainingWork } from '@graft-ml/core/internal/recipe/training-work';
import { getModel } from '@graft-ml/core/models';

/** What is known of one training. */
export interface Training {
  /** On the validation images, after each epoch. */
  readonly accuracies: readonly number[];
  /** On the test images, of the epoch with the best of these. */
  readonly test: number;
  /** Of an epoch, the median without the first. */
  readonly seconds: number;
}

/** A row of the table: how phase two goes. */
export interface Way {
  readonly name: string;
  readonly config: TrainConfigInput;
}

const ratio = (transferRatio: number, transferFrozen: TransferSide): Way => ({
  name: transferRatio === 1 ? 'r = 1' : `r = ${transferRatio}, ${transferFrozen} frozen`,
  config: { transferRatio, transferFrozen },
});
const inParts = [0.75, 0.5, 0.25];
export const everything = ratio(1, 'upper');
export const scratch: Way = { name: 'from scratch', config: { strategy: 'scratch' } };
export const ofSide = (frozen: TransferSide) => inParts.map((share) => ratio(share, frozen));
export const ways = [scratch, everything, ...ofSide('upper'), ...ofSide('lower')];

/** The options that all trainings of the study share. */
export interface TransferStudy {
  readonly model: string;
  /** The side of the images, in pixels. */
  readonly side: number;
  readonly epochs: number;
  readonly threads: number;
}

export const batchSize = 16;

export const configOf = (
  { config }: Way,
  { model, side, epochs, threads }: TransferStudy,
  seed: number,
): TrainConfigInput => ({
  ...{ model, seed, threads, epochs, batchSize, imageSize: side, augment: 'none', disk: 0 },
  ...config,
});

/** What a training step computes, in operations, and what is on which side of the cut. */
export function workOf(way: Way, study: TransferStudy, classes: number): { flops: number; cut: string } {
  const { model, side } = study;
  const own = getModel(model);
  const config = resolveConfig(
    parseConfig({ ...configOf(way, study, 0), ...(way !== scratch && { weights: 'x.safetensors' }) }),
  );
  const preprocessing = { ...own.preprocessing, resize: side, crop: side };
  const [work] = trainingWork(own, { config, preprocessing, classes, images: batchSize });
  const { flopsPerStep: flops, trained } = work!;
  return { flops, cut: way === scratch ? 'all blocks' : trained.join(', ') };
}
