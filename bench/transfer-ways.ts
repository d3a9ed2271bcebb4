import { cutBefore } from '@graft-ml/core/internal/fit/cut';
import { imageNetwork, parameterTable } from '@graft-ml/core/internal/fit/network';
import { trainingStep } from '@graft-ml/core/internal/fit/step';
import { parseConfig, resolveConfig, type TrainConfigInput } from '@graft-ml/core/internal/recipe/config/index';
import { partialTransfer, type TransferSide } from '@graft-ml/core/internal/recipe/partial-transfer';
import { planOf } from '@graft-ml/core/internal/recipe/plan';
import { getModel } from '@graft-ml/core/models';
import { crossEntropyLoss } from '@graft-ml/core/nn';
import { countFlops } from '@graft-ml/core/ops';
import { adamw } from '@graft-ml/core/optim';

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
  const network = imageNetwork(own, { ...own.preprocessing, resize: side, crop: side }, classes);
  const table = parameterTable(network, own);
  const config = resolveConfig(
    parseConfig({ ...configOf(way, study, 0), ...(way !== scratch && { weights: 'x.safetensors' }) }),
  );
  const { settings } = planOf(config, table)[0]!;
  const layers = new Set([...settings].flatMap(([name, setting]) => (setting ? [name.replace(/\.[^.]+$/, '')] : [])));
  const { outputs } = trainingStep(cutBefore(network, (name) => Boolean(settings.get(name)))?.network ?? network, {
    ...{ batchSize, settings, loss: crossEntropyLoss(), optimizer: adamw() },
    batchNorm: (path) => (layers.has(path) ? 'running' : 'frozen'),
  });
  const cut = way === scratch ? 'all blocks' : partialTransfer(config, table).trained.join(', ');
  return { flops: countFlops(Object.values(outputs)).total, cut };
}
