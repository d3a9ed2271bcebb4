import { UserError } from '@graft-ml/core/internal/base/errors';
import type { Tensors } from '@graft-ml/core/internal/base/tensor';
import { imageNetwork } from '@graft-ml/core/internal/fit/network';
import { variablesOf } from '@graft-ml/core/internal/fit/step';
import type { Seen } from '@graft-ml/core/internal/image/seen';
import { isOnnx } from '@graft-ml/core/internal/models/index';
import type { HeadLayers } from '@graft-ml/core/internal/models/model';
import { withLayers } from '@graft-ml/core/internal/models/with-layers';
import { changedPreprocessing } from '@graft-ml/core/internal/recipe/preprocessing';
import { allVariables, outputsOf } from '@graft-ml/core/internal/weights/checkpoint';
import type { WeightsEntry } from '@graft-ml/core/internal/weights/registry/entry';
import { pretrainedConfig, publishedAs } from '@graft-ml/core/internal/weights/registry/lookup';
import { listArchitectures, type NamedArchitecture, type Preprocessing } from '@graft-ml/core/models';
import type { FetchOptions } from '../files/download/fetch-file.ts';
import { openBackbone } from './backbone.ts';
import { namesFor, numbered } from './class-names.ts';

/** Options for creating a model. */
export interface ModelOptions extends FetchOptions {
  /**
   * Outputs; 0: features, and no head. Another number than the weights have makes a new head. Default: the weights', or
   * 1000.
   */
  readonly numClasses?: number;
  /** Names of the outputs, instead of `numClasses`. */
  readonly classes?: readonly string[];
  /** A deeper head, `[512, 'relu', { dropout: 0.3 }]`; always a new one. */
  readonly head?: HeadLayers;
  /** The probability of dropout before the last layer. Default: the architecture's own. */
  readonly dropout?: number | undefined;
  /** The side of the square the model sees, in pixels. Default: that of its weights. */
  readonly imageSize?: number | undefined;
  /** The seed of random weights. Default 0. */
  readonly seed?: number;
}

export interface ReadyModelOptions extends ModelOptions {
  /**
   * False: random numbers. True: the architecture's default weights. A text: a tag, a name or a file, as `weights` of a
   * training run takes it. Default: false for an architecture, true where `name` is that of published weights. An ONNX
   * file has its own.
   */
  readonly pretrained?: boolean | string;
}

/** An architecture and all its numbers. */
export interface ReadyModel {
  readonly model: NamedArchitecture;
  /** Every parameter and buffer, by name. */
  readonly weights: Tensors;
  /** The preprocessing of its images. */
  readonly preprocessing: Preprocessing;
  /** The names of its outputs; none without a head. */
  readonly classes: readonly string[];
  /** The registry's entry for the weights; null where they are random or from a file of the user's own. */
  readonly entry: WeightsEntry | null;
  /** The images that they were trained on; null where unknown, as of random numbers. */
  readonly seen: Seen | null;
  /** Notes on reading the weights, a sentence each. */
  readonly notes: readonly string[];
  /** The file that is the model, where it is not one of the zoo's. */
  readonly onnx: Uint8Array | null;
  /** SHA-256 of the weights that were read; null where all are random. */
  readonly sha256: string | null;
}

/**
 * A model ready to be used: `name` is an architecture (`resnet50`), published weights, which are downloaded where they
 * are not in the cache (`torchvision/resnet50.imagenet1k_v2`), or an ONNX file.
 *
 * @example
 * const { model, weights, preprocessing } = await readyModel('resnet18', { pretrained: true, numClasses: 6 });
 * const classifier = new Classifier(await readyModel('convnext_tiny', { pretrained: true }));
 *
 * @throws UserError where the name is not known, or the weights cannot be had or belong to another model
 */
export async function readyModel(name: string, options: ReadyModelOptions = {}): Promise<ReadyModel> {
  const { numClasses, classes, head, dropout, imageSize, seed = 0 } = options;
  const { architecture, weights } = meaning(name, options.pretrained);
  const {
    model: base,
    checkpoint,
    onnx,
  } = await openBackbone({ model: architecture, weights, head: null }, { download: options });
  const model = withLayers(base, head ?? checkpoint?.head, dropout);
  const outputs = checkpoint && outputsOf(checkpoint, model);
  const count = classes?.length ?? numClasses ?? (checkpoint ? (outputs ?? 0) : 1000);
  if (numClasses !== undefined && numClasses !== count) {
    throw new UserError(`${count} classes are named, but numClasses is ${numClasses}. Give one of them.`);
  }
  const trained = checkpoint?.preprocessing ?? base.preprocessing;
  const preprocessing = changedPreprocessing(trained, model, { imageSize: imageSize ?? null });
  const variables = variablesOf(imageNetwork(model, preprocessing, count));
  const newHead = head !== undefined || count !== outputs;
  return {
    model: { ...model, preprocessing },
    weights: allVariables(checkpoint, model, variables, { newHead, seed }),
    preprocessing,
    classes: classes ?? (newHead ? numbered(count) : (checkpoint?.classes ?? (await namesFor(count)))),
    entry: (weights !== null && publishedAs(weights, architecture)) || null,
    seen: checkpoint?.seen ?? null,
    notes: checkpoint?.notes ?? [],
    onnx,
    sha256: checkpoint?.sha256 ?? null,
  };
}

/** Resolves a name to an architecture and its weights; null for random ones. */
function meaning(
  name: string,
  pretrained: boolean | string | undefined,
): { architecture: string; weights: string | null } {
  if (isOnnx(name)) return { architecture: name, weights: null };
  if (listArchitectures().includes(name) || !name.includes('.')) {
    const weights = pretrained === true ? 'default' : pretrained || null;
    return { architecture: name, weights };
  }
  const entry = pretrainedConfig(name);
  if (typeof pretrained === 'string') {
    throw new UserError(`${name} are weights already; leave out pretrained: "${pretrained}".`);
  }
  return { architecture: entry.architecture, weights: pretrained === false ? null : entry.name };
}
