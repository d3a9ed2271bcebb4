import type { OpenRunStore } from '@graft-ml/core/internal/fit/run-store';
import type { ImageDecoder } from '@graft-ml/core/internal/image/decoder';
import {
  type MetaConfigInput,
  metaModelOf,
  parseMetaConfig,
  type ResolvedMetaConfig,
  resolveMetaConfigFor,
} from '@graft-ml/core/internal/recipe/meta/index';
import { assertTasksFit } from '@graft-ml/core/internal/runs/check-memory';
import { type MetaRun, metaRuns } from '@graft-ml/core/internal/runs/meta-run';
import {
  beginMetaTraining,
  goOnMetaTraining,
  type MetaEvent,
  type MetaSite,
  type OfResumedMeta,
} from '@graft-ml/core/internal/runs/meta-training';
import type { Preparation } from '@graft-ml/core/internal/runs/prepared';
import {
  metaPreprocessing,
  type PreparedMeta,
  possibleConfig,
  preparedMeta,
  startOf,
} from '@graft-ml/core/internal/runs/prepared-meta';
import { readRunIn } from '@graft-ml/core/internal/runs/run-file';
import type { TrainOptions } from '@graft-ml/core/internal/runs/train-run';
import type { Resumption } from '@graft-ml/core/internal/runs/training';
import { inSequence } from '@graft-ml/core/internal/runtime/index';
import type { ImageCollection } from '../data/collection.ts';
import { openBackbone } from '../model/backbone.ts';
import { pageHost, usableHere } from '../runs/host.ts';
import { privateRuns } from '../runs/private-runs.ts';
import { createRuntime, type WebRuntimeOptions } from '../runtime/index.ts';
import { openSets } from './sets.ts';

export interface TrainMetaOptions extends Omit<TrainOptions, 'cache' | 'onNote' | 'weightsSha256'> {
  /** Decodes the images. Default: the browser, by `canvasDecoder`. */
  readonly decoder?: ImageDecoder | undefined;
  /** Settings of the runtime that the run makes for itself. */
  readonly runtime?: Omit<WebRuntimeOptions, 'choices' | 'onTuning'> | undefined;
  /** Opens the store of a run by its path. Default: in the browser's private file system. */
  readonly openStore?: OpenRunStore | undefined;
}

/**
 * Labelled images in, a run with what was learned across tasks out: `graft meta train` in a page, with the same options,
 * the same split of the classes, and the same files in the browser's private file system. The tasks of a step come one
 * after the other.
 *
 * @throws UserError (by rejection) for anything wrong with the images, the weights or the options, before training
 * starts
 * @example
 * const config = { learner: 'anil', model: 'conv4_32', way: 5, metaSteps: 200 };
 * for await (const event of trainMeta(characters, config, { out: 'runs/anil' })) …
 * await adaptMeta('runs/anil', drawings, { out: 'runs/signs' });
 */
export async function* trainMeta(
  images: ImageCollection,
  config: MetaConfigInput,
  options: TrainMetaOptions,
): AsyncGenerator<MetaEvent, void, undefined> {
  const { openStore } = options;
  const parsed = parseMetaConfig(config);
  const { mean, std } = parsed;
  const backbone = { model: metaModelOf(parsed), mean, std, weights: null, head: null };
  const { model } = await openBackbone(backbone, { openStore });
  const resolved = resolveMetaConfigFor(parsed, model);
  yield* beginMetaTraining({ folder: '', config: resolved, options }, await pageSite(images, openStore));
}

/** Options for resuming a run of meta-learning of a page. */
export interface ResumeMetaOptions
  extends Omit<TrainMetaOptions, 'out' | 'overwrite' | 'choices'>,
    Omit<Resumption, 'data' | 'epochs'> {}

/**
 * Goes on with a run of meta-learning where it stopped: after a reload, a crash, or an end by `signal`. In the same
 * browser it ends bit for bit as if it had not stopped.
 *
 * @param images those that it began with
 * @throws UserError (by rejection) where the run is complete, or the images are others
 */
export async function* resumeMeta(
  out: string,
  images: ImageCollection,
  { weights, from, ...options }: ResumeMetaOptions = {},
): AsyncGenerator<MetaEvent, void, undefined> {
  const resumption = { data: 'the collection', weights, from };
  yield* goOnMetaTraining(resumption, { ...options, out }, await pageSite(images, options.openStore));
}

/** The `run.json` of a run of meta-learning. @throws UserError where there is none, or it is of another kind */
export function readMetaRun(path: string, openStore: OpenRunStore = privateRuns()): Promise<MetaRun> {
  return readRunIn(path, metaRuns, openStore);
}

/** The memory that WebAssembly can address, in bytes. */
const wasmMemory = 2 ** 32;

/** This page or worker as a place for runs of meta-learning on these images. */
async function pageSite(
  images: ImageCollection,
  openStore: OpenRunStore = privateRuns(),
): Promise<MetaSite<TrainMetaOptions>> {
  return {
    host: await pageHost(openStore),
    prepare: (_folder, config, options) => prepare(images, config, { ...options, openStore }),
    assertMemory: (perThread, threads, config) => assertTasksFit(perThread, threads, config, wasmMemory),
    read: (path) => readMetaRun(path, openStore),
    usable: usableHere,
  };
}

async function prepare(
  images: ImageCollection,
  given: ResolvedMetaConfig,
  options: TrainMetaOptions & OfResumedMeta,
): Promise<PreparedMeta> {
  const { signal, openStore, onnxFile, choices } = options;
  const onPreparation = (progress: Preparation) => {
    signal?.throwIfAborted();
    options.onPreparation?.(progress);
  };
  const backbone = await openBackbone(startOf(given), {
    openStore,
    onnxFile,
    signal,
    onDownload: (done, total) =>
      onPreparation({
        stage: 'downloading weights (KiB)',
        done: Math.ceil(done / 1024),
        total: Math.ceil(total / 1024),
      }),
  });
  const preprocessing = metaPreprocessing(given, backbone);
  const sets = await openSets(images, given, preprocessing, { ...options, onPreparation });
  const config = possibleConfig(given, sets);
  const runtime = createRuntime({
    ...options.runtime,
    ...(choices && { choices }),
    onTuning: ({ done, total }) => onPreparation({ stage: 'timing kernels', done, total }),
  });
  return preparedMeta(config, {
    ...{ backbone, preprocessing, sets, runtime },
    threads: 1,
    parallel: async (outputs, tasks) => inSequence(await tasks.runtime.compile(outputs)),
  });
}
