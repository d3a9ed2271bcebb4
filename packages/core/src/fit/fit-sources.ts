import { OptionError } from '../base/errors.ts';
import type { Tensors, TensorType } from '../base/tensor.ts';
import { constant, print } from '../graph/index.ts';
import { type Cache, type FeatureTable, noFeatures } from './cache.ts';
import { type Cut, cutBefore, prefixGraph } from './cut.ts';
import { manyFeatures } from './divided.ts';
import type { ImageSet, ImageView } from './examples.ts';
import type { ExtractElsewhere } from './extraction.ts';
import { keptFeatures } from './kept-features.ts';
import { type Mixing, mixed } from './mixing.ts';
import type { Model } from './model.ts';
import { byProgram, fits, inMemory, type Source, throughPrefix, whenAsked } from './source.ts';
import type { Network } from './step.ts';
import type { StageSources, TrainingStage } from './task.ts';

/** Examples as the stages of a fit go through them. */
export interface StageExamples {
  readonly source: Source;
  /** The views of each example, which epochs take in turn: 1 where all epochs are the same; null: drawn anew in each. */
  readonly views: number | null;
  /** The name of a view of an example by its content, under which its features are kept; null: they are not. */
  readonly key: ((example: number, view: number) => string) | null;
  /** The images that these are views of; null where they are batches that nobody else can make. */
  readonly origin: { readonly images: ImageSet; readonly view: ImageView } | null;
}

export interface SourceOptions {
  readonly training: StageExamples;
  readonly validation: StageExamples;
  readonly mixing?: Mixing | undefined;
  readonly seed: number;
  /** MiB for what is kept in memory. */
  readonly memory: number;
  /** The cache that keeps features for later runs, and its bound in MiB. */
  readonly cache: Cache | null;
  readonly disk: number;
  /** A name for what decodes the images. */
  readonly decoder: string;
  /** Hears how many views went through the frozen layers, of those that are kept. */
  readonly onFeatures: (done: number, total: number) => void;
  /** Hears, in a sentence, of a file in the cache that is damaged. */
  readonly onNote: (note: string) => void;
  /** Computes the features that neither memory nor the cache has. Default: this process. */
  readonly extract?: ExtractElsewhere | undefined;
}

/**
 * The network that a stage trains and its inputs: the whole network on the examples themselves, or the part behind the
 * frozen layers on their outputs, which are kept as far as there is room.
 */
export function openSources(
  model: Model,
  settings: TrainingStage['settings'],
  options: SourceOptions,
): Pick<TrainingStage, 'network' | 'mixes' | 'open'> {
  const { network } = model;
  const { mixing } = options;
  if (mixing) assertImages(model);
  const cut = mixing ? null : cutBefore(network, (name) => Boolean(settings.get(name)));
  return cut
    ? { network: cut.network, mixes: false, open: (variables) => behindFrozen(model, cut, variables, options) }
    : { network, mixes: mixing !== undefined, open: async () => wholeExamples(network, options) };
}

/** Examples that are read at once, where there are so many. */
const readAtOnce = 16;

/** The examples as they are, for a network that is trained from its first layer on. */
function wholeExamples(
  { input }: Network,
  { training, validation, mixing, memory, seed }: SourceOptions,
): StageSources {
  const judged = validation.source;
  const isKept = fits(memory, judged.size, input) && !judged.isSequential;
  const batchSize = Math.min(readAtOnce, judged.size);
  return {
    training: mixing ? mixed(training.source, mixing, seed) : training.source,
    // Evaluation sees the same in every epoch: it is decoded once, at the end of the first.
    validation: isKept ? whenAsked(judged.size, () => inMemory(judged, input, { batchSize })) : judged,
    close: async () => {},
  };
}

/** The outputs of the frozen layers, which run as a graph of their own; those that stay the same are kept. */
async function behindFrozen(
  { network, runtime, image }: Model,
  { endpoint, shape }: Cut,
  variables: Tensors,
  { training, validation, memory, cache, disk, decoder, onFeatures, onNote, extract }: SourceOptions,
): Promise<StageSources> {
  const used: Record<string, Tensors[string]> = {};
  const prefixOf = (rows: number) =>
    prefixGraph(network, endpoint, rows, ({ name }) => {
      used[name] = variables[name]!;
      return constant(variables[name]!, name);
    });
  const count = training.source.size + validation.source.size;
  const batchSize = runtime.rowsAtOnce(count, prefixOf);
  const features = prefixOf(batchSize);
  const prefix = await runtime.compile({ features });
  const compute = byProgram(prefix, batchSize);
  const many = manyFeatures(features, compute, runtime);
  // Two sessions have as many batches each.
  const atOnce = Math.max(readAtOnce - (readAtOnce % batchSize), 2 * batchSize);
  const row: TensorType = { dtype: 'f32', shape };
  const [ofTraining, ofValidation] = [keptViews(training), keptViews(validation)];
  const all = ofTraining + ofValidation;
  const hasTable = cache !== null && image !== null && training.key !== null && validation.key !== null;
  const isInMemory = fits(memory, all, row);
  const isKept = isInMemory || (hasTable && fits(disk, all, row));
  const table: FeatureTable = hasTable
    ? await cache.features(
        {
          graph: print({ features }),
          variables: used,
          preprocessing: image.preprocessing,
          backend: runtime.identity,
          choices: runtime.choices,
          decoder,
        },
        shape,
        { limit: disk * 2 ** 20, onNote },
      )
    : noFeatures;
  let done = 0;
  const encode = () => runtime.encode({ features });
  const opened = async (
    { source, views, key, origin }: StageExamples,
    isHeld: boolean,
    mayKeep: boolean,
  ): Promise<Source> => {
    const computed = throughPrefix(source, compute, atOnce);
    if (!mayKeep || views === null || source.isSequential) return computed;
    const before = done;
    const elsewhere = origin && (await extract?.({ ...origin, batchSize, shape, threads: runtime.threads, encode }));
    const kept = await keptFeatures(computed, {
      many: elsewhere ?? throughPrefix(source, many.compute, atOnce),
      shape,
      views,
      key: key ?? String,
      labels: source.labels,
      table: key ? table : noFeatures,
      isInMemory: isHeld,
      batchSize,
      onProgress: (count) => onFeatures(before + count, isKept ? all : ofValidation),
    });
    done += views * source.size;
    return kept;
  };
  // Where not all is kept, what evaluation sees may still be.
  const keepsValidation = isKept || fits(memory, ofValidation, row);
  const close = async () => {
    await table.close();
    await prefix.release();
  };
  try {
    return {
      training: await opened(training, isInMemory, isKept),
      validation: await opened(validation, isInMemory || !isKept, keepsValidation),
      close,
    };
  } catch (error) {
    await close(); // what was computed until then stays in the table
    throw error;
  } finally {
    await many.release();
  }
}

/** The views that can be kept. */
function keptViews({ source, views }: StageExamples): number {
  return views === null || source.isSequential ? 0 : views * source.size;
}

function assertImages({ network: { input } }: Model): void {
  if (input.dtype === 'u8' && input.shape.length === 3) return;
  const received = `${input.dtype}[${input.shape.join(',')}]`;
  throw new OptionError({ option: 'mixing', expected: 'a network that takes images, u8 (3, h, w)', received });
}
