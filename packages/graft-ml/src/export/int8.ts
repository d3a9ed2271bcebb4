import { choiceError } from '@graft-ml/core/internal/base/choice';
import { option } from '@graft-ml/core/internal/base/code';
import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import {
  type CalibrationMethod,
  calibrate,
  calibrationMethods,
  foldBatchNorms,
  type OnnxModel,
  quantise,
  type WeightBits,
} from '@graft-ml/core/internal/export/index';
import type { Classifier, ClassifierInput } from '../evaluate/classifier.ts';
import { spread } from './export-images.ts';
import { networkFeeds } from './network-feeds.ts';
import { openOnnx } from './onnx-session.ts';

/** How the ranges of 8-bit activations are found. */
export interface CalibrationOptions {
  /** The images that are looked at. Default: those that the run was trained on; a classifier without a run needs some. */
  readonly images?: readonly ClassifierInput[] | undefined;
  /** How many of them, spread evenly. Default 100. */
  readonly count?: number | undefined;
  /** Default `mse`. */
  readonly method?: CalibrationMethod | undefined;
}

/** What int8 needs beside a network. */
export interface Int8Context {
  readonly classifier: Classifier;
  readonly calibration: CalibrationOptions;
  readonly weightBits: WeightBits | undefined;
  /** The images that the run was trained on; undefined where there is no run. */
  readonly training: (() => Promise<readonly ClassifierInput[]>) | undefined;
  readonly signal: AbortSignal | undefined;
  onProgress(done: number, total: number): void;
}

/**
 * A network with 8-bit weights and activations, whose ranges are those of training images.
 *
 * @throws UserError where there are no images to calibrate with; ImageError where one cannot be used
 */
export async function toInt8(network: OnnxModel, context: Int8Context): Promise<OnnxModel> {
  const { classifier, calibration, weightBits, training, signal, onProgress } = context;
  const { count = 100, method = 'mse' } = calibration;
  if (!Number.isInteger(count) || count < 1) {
    throw new OptionError({ option: 'calibration.count', expected: 'a whole number above 0', received: count });
  }
  if (!calibrationMethods.includes(method)) throw choiceError('calibration.method', method, calibrationMethods);
  const available = calibration.images ?? (await training?.());
  if (!available) {
    throw new UserError(
      `A classifier that is not a run's has no training images: pass ${option('calibration')} with the images that its ` +
        'ranges are to come from.',
    );
  }
  const images = spread(available, count);
  const folded = foldBatchNorms(network);
  const [size] = network.inputs[0]!.shape;
  const batchSize = typeof size === 'number' ? size : 1;
  async function* batches() {
    for (let start = 0; start < images.length; start += batchSize) {
      // The last batch is filled up from the beginning.
      const views = Array.from({ length: batchSize }, (_, i) => classifier.view(images[(start + i) % images.length]!));
      yield networkFeeds(network, joined(await Promise.all(views)), classifier.preprocessing);
    }
  }
  const report = (done: number) => onProgress(Math.min(images.length, done * batchSize), images.length);
  const ranges = await calibrate(folded, batches(), { open: openOnnx, method, signal, onProgress: report });
  return quantise(folded, ranges, { weightBits });
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts;
  if (first && parts.length === 1) return first;
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}
