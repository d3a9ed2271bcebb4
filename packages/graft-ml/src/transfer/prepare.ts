import { availableParallelism } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import { option } from '@graft-ml/core/internal/base/code';
import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import type { Tensors } from '@graft-ml/core/internal/base/tensor';
import { imageModel, type Model } from '@graft-ml/core/internal/fit/model';
import { variablesOf } from '@graft-ml/core/internal/fit/step';
import type { ImageDecoder } from '@graft-ml/core/internal/image/decoder';
import type { Seen } from '@graft-ml/core/internal/image/seen';
import { isOnnx } from '@graft-ml/core/internal/models/index';
import type { ResolvedConfig } from '@graft-ml/core/internal/recipe/config/index';
import { partialTransfer, type TransferHead } from '@graft-ml/core/internal/recipe/partial-transfer';
import { changedPreprocessing } from '@graft-ml/core/internal/recipe/preprocessing';
import { type Strategy, strategies } from '@graft-ml/core/internal/recipe/strategy';
import { type Checkpoint, weightsFor } from '@graft-ml/core/internal/weights/checkpoint';
import type { NamedArchitecture, Preprocessing } from '@graft-ml/core/models';
import type { Backend, Choices } from '@graft-ml/core/runtime';
import { defaultCache } from '../cache/folder-cache.ts';
import { type OwnOnnx, openBackbone } from '../checkpoint/backbone.ts';
import { datasetOptionsOf } from '../data/configured.ts';
import { type Dataset, openDataset } from '../data/dataset.ts';
import { assertMayHoldImages } from '../data/readers/find-candidates.ts';
import type { FolderCache } from '../files/cache-folder.ts';
import type { FetchOptions } from '../files/download/fetch-file.ts';
import { ResourceMeter } from '../runs/resources.ts';
import { createRuntime } from '../runtime/index.ts';
import { FolderImages } from './folder-images.ts';
import { openRunImages, type Proof } from './run-images.ts';

/** The progress of the work before the first step. */
export interface Preparation {
  readonly stage:
    | 'downloading weights (KiB)'
    | 'waiting for another download'
    | 'checking images'
    | 'decoding images'
    | 'timing kernels'
    | 'extracting features';
  readonly done: number;
  readonly total: number;
}

/** The parts of a run, before anything is trained. */
export interface Prepared {
  readonly config: ResolvedConfig;
  readonly architecture: NamedArchitecture;
  readonly preprocessing: Preprocessing;
  /** The network, with its first values: pretrained or drawn. */
  readonly model: Model;
  /** Those values, whatever the model has come to. */
  readonly initial: Tensors;
  readonly folder: Dataset;
  /** The images to train on, and those that judge. */
  readonly data: Readonly<Record<'train' | 'validation', FolderImages>>;
  /** The record of images decoded so far. */
  readonly proof: Proof;
  readonly weightsSha256: string | null;
  /** The images that the weights were trained on; null where unknown. */
  readonly seen: Seen | null;
  /** The images that the weights had seen when the split was made: the same, or those another run began with. */
  readonly before: Seen | null;
  /** The preprocessing that the pretrained weights were trained with; null without any. */
  readonly pretraining: Preprocessing | null;
  /** The file that is the model, where it is not one of the zoo's. */
  readonly onnx: Uint8Array | null;
  /** Notes on reading the weights, a sentence each. */
  readonly notes: readonly string[];
  readonly threads: number;
  readonly onPreparation: (progress: Preparation) => void;
  /** Receives a sentence about a file in the cache that is not used. */
  readonly onNote: (note: string) => void;
  readonly cache: FolderCache | null;
  /** Cleanups to run when the run ends, however it ends. */
  readonly cleanups: (() => Promise<void>)[];
}

export interface PrepareOptions {
  /** The cache for downloads and results that can be computed again. Default: `defaultCache()`; null: none. */
  readonly cache?: FolderCache | null | undefined;
  /**
   * The image decoder: a pool, or a program's own. It stays its owner's. Default: threads of this process, opened and
   * closed.
   */
  readonly decoder?: ImageDecoder | undefined;
  /** The backend that runs the graphs. Default: ORT in this process, with the configuration's threads. */
  readonly backend?: Backend | undefined;
  /** Lowerings and threads that stand. */
  readonly choices?: Choices | undefined;
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onPreparation?: ((progress: Preparation) => void) | undefined;
  readonly onNote?: ((note: string) => void) | undefined;
  readonly download?: FetchOptions | undefined;
  /** The run's own copy of an ONNX model. */
  readonly onnxFile?: OwnOnnx | undefined;
  /** Is told what weights and images take. */
  readonly meter?: ResourceMeter | undefined;
  readonly cleanups: (() => Promise<void>)[];
  /**
   * For a run that is resumed, or compared with another: the images that its weights had seen when it began, which
   * decide its split.
   */
  readonly before?: Seen | null | undefined;
  /**
   * When pixels are decoded to see whether they are damaged: `later` is for a caller who can begin again. Default
   * `now`.
   */
  readonly decode?: 'now' | 'later' | undefined;
}

/** Reads the weights, checks the images, sets up the runtime. @throws the signal's reason soon after it is aborted */
export async function prepare(path: string, config: ResolvedConfig, options: PrepareOptions): Promise<Prepared> {
  const { choices, signal, cleanups, cache = defaultCache(), meter = new ResourceMeter(), onNote = () => {} } = options;
  const onPreparation = (progress: Preparation) => {
    signal?.throwIfAborted();
    options.onPreparation?.(progress);
  };
  const strategy: Strategy = strategies[config.strategy];
  assertWeightsOption(config, strategy);
  await assertMayHoldImages(path); // before weights are downloaded
  const shape = datasetOptionsOf(config);
  const {
    model: architecture,
    onnx,
    checkpoint,
  } = await meter
    .during('weights', () =>
      openBackbone(config, {
        onnxFile: options.onnxFile,
        download: { cache, ...options.download, ...(signal && { signal }) },
      }),
    )
    .catch(async (error: unknown) => {
      // What is wrong with the images is nearer than where weights come from.
      if (!signal?.aborted) await openDataset(path, { ...shape, cache, decode: 'later', signal });
      throw error;
    });
  if (checkpoint?.learner) assertStatistics(config, checkpoint);
  const preprocessing = changedPreprocessing(
    checkpoint?.preprocessing ?? architecture.preprocessing,
    architecture,
    config,
  );
  const threads = options.backend?.threads ?? options.threads ?? config.threads ?? availableParallelism();
  const runtime = createRuntime({
    device: config.device,
    threads,
    backend: options.backend,
    cache,
    ...(choices && { choices }),
    onTuning: ({ done, total }) => onPreparation({ stage: 'timing kernels', done, total }),
  });
  const start = strategy.pretrained ? checkpoint : null;
  const seen = start?.seen ?? null;
  const before = options.before === undefined ? seen : options.before;
  const { folder, ...images } = await meter.during('images', () =>
    openRunImages(path, config, {
      before,
      decode: options.decode,
      decoder: options.decoder,
      cache,
      signal,
      cleanups,
      onProgress: (done, total) => options.onPreparation?.({ stage: 'checking images', done, total }),
    }),
  );
  const { classes } = folder;
  const model = imageModel({ architecture, preprocessing, classes, runtime, seed: config.seed });
  const transferHead = strategy.keepsHead ? headOf(config, start!, classes) : null;
  const newHead = transferHead !== 'kept';
  if (start) model.load(weightsFor(start, architecture, variablesOf(model.network), { newHead }));
  const decided = { ...config, transferHead };
  const cut = strategy.keepsHead ? [partialTransfer(decided, model.table).description] : [];
  const { pool } = images.proof;
  const origin = { dataset: folder, options: shape };
  return {
    config: decided,
    architecture,
    preprocessing,
    model: model,
    initial: model.variables,
    onnx,
    notes: [...(checkpoint?.notes ?? []), ...images.notes, ...cut],
    folder,
    data: { train: new FolderImages(origin, 'train', pool), validation: new FolderImages(origin, 'validation', pool) },
    proof: images.proof,
    weightsSha256: start?.sha256 ?? null,
    seen,
    before,
    pretraining: start ? (start.preprocessing ?? architecture.preprocessing) : null,
    threads,
    onPreparation,
    onNote,
    cache,
    cleanups,
  };
}

/**
 * Whether the weights' head is taken over: where it tells the classes of the images apart, in their order.
 * @throws UserError where that is asked for, and it does not
 */
function headOf({ head, transferHead }: ResolvedConfig, start: Checkpoint, classes: readonly string[]): TransferHead {
  if (transferHead === 'new') return 'new';
  const fits = isDeepStrictEqual([start.classes, start.head ?? null], [classes, head]);
  if (fits || transferHead === null) return fits ? 'kept' : 'new';
  const own = start.classes?.join(', ') ?? 'classes that it does not name';
  const layers = start.head ? ` (${option('head', start.head)})` : '';
  throw new OptionError({
    option: 'transferHead',
    expected: 'new, since the classes differ',
    received: transferHead,
    problem:
      ` kept: the head of ${start.path} is for ${own}${layers}, the images are of ${classes.join(', ')}. ` +
      'Leave it out for a new one.',
  });
}

/** @throws UserError where the strategy wants pretrained weights and there are none, or the reverse */
function assertWeightsOption({ model, weights, strategy: name }: ResolvedConfig, strategy: Strategy): void {
  if (strategy.pretrained && weights === null && !isOnnx(model)) {
    throw new OptionError({
      option: 'strategy',
      expected: 'scratch, without weights',
      received: name,
      problem:
        ` ${name} starts from pretrained weights, and none are published for ${model}: ` +
        `name a file as ${option('weights')}, or pass ${option('strategy', 'scratch')}.`,
    });
  }
  if (!strategy.pretrained && weights !== null) {
    throw new OptionError({
      option: 'strategy',
      expected: 'one that starts from pretrained weights',
      received: name,
      problem: ` ${name} starts from random weights: leave out ${option('weights')}.`,
    });
  }
}

/**
 * @throws UserError where layers would be frozen that have no running statistics, since meta-learning goes by those of
 * a batch
 */
function assertStatistics({ strategy }: ResolvedConfig, { path, learner, tensors }: Checkpoint): void {
  const hasNone = Object.entries(tensors).some(
    ([name, { data }]) => name.endsWith('running_var') && data.every((value: number | bigint) => value === 1),
  );
  if (strategy === 'full' || !hasNone) return;
  throw new UserError(
    `${path} is what ${learner} learned to start from: its batch norms have no running statistics, which frozen ` +
      'layers need. `adaptMeta(run, folder)` makes a run that has them and is taken here, with the head; or train ' +
      'everything: `strategy: "full"`.',
  );
}
