import { choiceError } from '@graft-ml/core/internal/base/choice';
import { option } from '@graft-ml/core/internal/base/code';
import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import type { Tensors } from '@graft-ml/core/internal/base/tensor';
import {
  type ActivationRanges,
  type CalibrationMethod,
  calibrate,
  calibrationMethods,
  foldBatchNorms,
  networkModel,
  type OnnxModel,
  quantisableLayers,
  quantise,
  type WeightBits,
  weightBitChoices,
} from '@graft-ml/core/internal/export/index';
import type { Classifier, ClassifierInput } from '../evaluate/classifier.ts';
import { type ExportImages, heldOut, spread } from './export-images.ts';
import { chooseKept, type KeptChoice } from './keep-layers.ts';
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

/**
 * The layers of an int8 export that stay in f32: none, these by name, or `auto`, as few of the most sensitive ones as
 * keep the classes of held-out images.
 */
export type KeepFp32 = 'auto' | 'none' | readonly string[];

/** What int8 needs beside a network. */
export interface Int8Context {
  readonly classifier: Classifier;
  readonly calibration: CalibrationOptions;
  readonly weightBits: WeightBits | undefined;
  /** Default `auto`. */
  readonly keepFp32: KeepFp32 | undefined;
  /** The most points of accuracy that may be lost. */
  readonly maxDrop: number;
  /** The images of the run's dataset; undefined where there is no run. */
  readonly images: (() => Promise<ExportImages>) | undefined;
  readonly signal: AbortSignal | undefined;
  onProgress(stage: 'converting' | 'choosing', done: number, total: number): void;
}

/** How a network was quantised. */
export interface Quantisation extends KeptChoice {
  readonly weightBits: WeightBits;
  readonly calibration: { readonly images: number; readonly method: CalibrationMethod };
  /** The layers with weights that could be quantised, those in `kept` among them. */
  readonly layers: readonly string[];
}

/**
 * Quantises the networks of one export: 8-bit weights and activations, whose ranges are those of training images. The
 * layers that stay in f32 are chosen once for all of them.
 */
export class Int8Conversion {
  readonly #context: Int8Context;
  readonly #method: CalibrationMethod;
  readonly #weightBits: WeightBits;
  #choice: Promise<Quantisation> | undefined;
  #calibrationImages: Promise<readonly ClassifierInput[]> | undefined;
  readonly #ranged = new Map<string, Promise<{ model: OnnxModel; ranges: ActivationRanges }>>();

  /** @throws OptionError where an option makes no sense */
  constructor(context: Int8Context) {
    const { calibration, weightBits = 'auto' } = context;
    const { count = 100, method = 'mse' } = calibration;
    if (!Number.isInteger(count) || count < 1) {
      throw new OptionError({ option: 'calibration.count', expected: 'a whole number above 0', received: count });
    }
    if (!calibrationMethods.includes(method)) throw choiceError('calibration.method', method, calibrationMethods);
    if (!weightBitChoices.includes(weightBits)) {
      throw choiceError('weightBits', `${weightBits}`, weightBitChoices.map(String));
    }
    this.#context = context;
    this.#method = method;
    this.#weightBits = weightBits;
  }

  /** @throws UserError where there are no images to calibrate with; ImageError where one cannot be used */
  async convert(network: OnnxModel): Promise<OnnxModel> {
    const { kept } = await this.quantisation();
    const { model, ranges } = await this.#calibrated(network);
    return quantise(model, ranges, { weightBits: this.#weightBits, keep: new Set(kept) });
  }

  /** @throws OptionError where `keepFp32` names a layer that there is not */
  quantisation(): Promise<Quantisation> {
    this.#choice ??= this.#choose();
    return this.#choice;
  }

  async #choose(): Promise<Quantisation> {
    const { classifier, keepFp32 = 'auto', maxDrop, signal } = this.#context;
    const network = networkModel(classifier, 'pixels', 1);
    const { model, ranges } = await this.#calibrated(network);
    const layers = quantisableLayers(model, ranges);
    const images = await this.#images();
    const facts = {
      weightBits: this.#weightBits,
      calibration: { images: images.length, method: this.#method },
      layers,
    };
    if (keepFp32 !== 'auto') {
      const kept = keepFp32 === 'none' ? [] : keepFp32;
      const unknown = kept.find((name) => !layers.includes(name));
      if (unknown !== undefined) throw choiceError('keepFp32', unknown, ['auto', 'none', ...layers]);
      return { ...facts, kept, errors: null, heldOut: null };
    }
    const { part, images: others } = await this.#heldOut(images);
    const feeds = (image: ClassifierInput) => this.#feeds(network, [image]);
    const choice = await chooseKept(
      { model, ranges },
      { part, images: others, calibration: spread(images, 16), feeds },
      {
        weightBits: this.#weightBits,
        maxDrop,
        signal,
        onProgress: (done, total) => this.#context.onProgress('choosing', done, total),
      },
    );
    return { ...facts, ...choice };
  }

  /** Held-out images: of the run, else of those given to calibrate with. */
  async #heldOut(calibration: readonly ClassifierInput[]) {
    const images = await this.#context.images?.();
    if (images) return heldOut(images, calibration);
    const seen = new Set(calibration);
    const others = (this.#context.calibration.images ?? []).filter((image) => !seen.has(image));
    return { part: 'calibration' as const, images: others.length > 0 ? others : calibration };
  }

  #images(): Promise<readonly ClassifierInput[]> {
    this.#calibrationImages ??= this.#findImages();
    return this.#calibrationImages;
  }

  async #findImages(): Promise<readonly ClassifierInput[]> {
    const { calibration, images } = this.#context;
    const available = calibration.images ?? (await images?.())?.training;
    if (available) return spread(available, calibration.count ?? 100);
    throw new UserError(
      `A classifier that is not a run's has no training images: pass ${option('calibration')} with the images that its ` +
        'ranges are to come from.',
    );
  }

  /** The network with its batch norms folded, and the ranges of its activations. */
  #calibrated(network: OnnxModel) {
    const { name, shape } = network.inputs[0]!;
    const key = `${name} ${shape}`;
    const ranged = this.#ranged.get(key) ?? this.#calibrate(network);
    this.#ranged.set(key, ranged);
    return ranged;
  }

  async #calibrate(network: OnnxModel) {
    const images = await this.#images();
    const { signal } = this.#context;
    const model = foldBatchNorms(network);
    const [size] = network.inputs[0]!.shape;
    const batchSize = typeof size === 'number' ? size : 1;
    const feeds = (batch: readonly ClassifierInput[]) => this.#feeds(network, batch);
    async function* batches() {
      for (let start = 0; start < images.length; start += batchSize) {
        // The last batch is filled up from the beginning.
        yield feeds(Array.from({ length: batchSize }, (_, i) => images[(start + i) % images.length]!));
      }
    }
    const onProgress = (done: number) =>
      this.#context.onProgress('converting', Math.min(images.length, done * batchSize), images.length);
    return {
      model,
      ranges: await calibrate(model, batches(), { open: openOnnx, method: this.#method, signal, onProgress }),
    };
  }

  async #feeds(network: OnnxModel, images: readonly ClassifierInput[]): Promise<Tensors> {
    const { classifier } = this.#context;
    const views = await Promise.all(images.map((image) => classifier.view(image)));
    return networkFeeds(network, joined(views), classifier.preprocessing);
  }
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
