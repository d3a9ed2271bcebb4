import { resolve } from 'node:path';
import type { ImageDecoder } from '@graft-ml/core/internal/image/decoder';
import { isOnnx } from '@graft-ml/core/internal/models/index';
import {
  parseConfig,
  type ResolvedConfig,
  resolveConfig,
  type TrainConfigInput,
} from '@graft-ml/core/internal/recipe/config/index';
import { isWeightsFile } from '@graft-ml/core/internal/runs/named-paths';
import type { TrainOptions } from '@graft-ml/core/internal/runs/train-run';
import { beginTraining, goOnTraining, type Resumption, type RunsSite } from '@graft-ml/core/internal/runs/training';
import type { Backend } from '@graft-ml/core/runtime';
import type { Dataset } from '../data/dataset.ts';
import type { FolderCache } from '../files/cache-folder.ts';
import type { FetchOptions } from '../files/download/fetch-file.ts';
import { nodeHost } from '../runs/host.ts';
import { usablePaths } from '../runs/own-paths.ts';
import { withProfile } from '../runs/profile.ts';
import { readRun } from '../runs/read-run.ts';
import type { OpenRunStore } from '../runs/run-store.ts';
import type { FolderEvent } from './folder-events.ts';
import { prepare } from './prepare.ts';

export interface TrainFolderOptions extends TrainOptions {
  /** The sources of published weights, and the progress of their download. */
  readonly download?: FetchOptions;
  /** The cache for downloads and results that can be computed again. Default: `defaultCache()`; null: none. */
  readonly cache?: FolderCache | null | undefined;
  /**
   * The image decoder: a pool, or a program's own. It stays its owner's. Default: threads of this process, opened and
   * closed.
   */
  readonly decoder?: ImageDecoder | undefined;
  /** The backend that runs the graphs. Default: ORT in this process, with the configuration's threads. */
  readonly backend?: Backend | undefined;
  /**
   * Whether lowerings are timed where none is known. Without, the usual ones are taken, and none that was timed earlier:
   * then runs of the same options are the same on all processors of one instruction set. Default: true.
   */
  readonly tune?: boolean | undefined;
  /** Opens the store of a run by its path. Default: in folders. */
  readonly openStore?: OpenRunStore;
}

/** This process as a place for runs. */
function nodeSite(openStore: OpenRunStore | undefined): RunsSite<Dataset, TrainFolderOptions> {
  return { host: nodeHost(openStore), prepare, read: (path) => readRun(path, openStore), usable: usablePaths };
}

/**
 * A folder of labelled images in, a run folder with a trained classifier out.
 * @throws UserError for anything wrong with the folder, the weights or the options, before training starts.
 * @example for await (const event of trainFolder('photos', { weights: 'resnet18.safetensors' }, { out: 'runs/x' })) …
 */
export async function* trainFolder(
  folder: string,
  config: TrainConfigInput,
  options: TrainFolderOptions,
): AsyncGenerator<FolderEvent, void, undefined> {
  const resolved = withAbsolutePaths(resolveConfig(parseConfig(config)));
  const site = nodeSite(options.openStore);
  yield* withProfile(beginTraining({ folder: resolve(folder), config: resolved, options }, site), options);
}

/** A run is resumed from anywhere. */
export function withAbsolutePaths<C extends Pick<ResolvedConfig, 'model' | 'weights'>>(config: C): C {
  const { model, weights } = config;
  return {
    ...config,
    model: isOnnx(model) ? resolve(model) : model,
    weights: isWeightsFile(weights, model) ? resolve(weights) : weights,
  };
}

/** Options for resuming a run. */
export interface ResumeOptions extends Omit<TrainFolderOptions, 'out' | 'overwrite' | 'choices'>, Resumption {}

/**
 * Goes on with a run where it stopped. It ends bit for bit as if it had not stopped; not so with `from: 'best'`, where
 * the optimizer begins anew, and with more `epochs` under a schedule that goes over the whole run.
 */
export async function* resumeTraining(
  out: string,
  { data, weights, from, epochs, ...options }: ResumeOptions = {},
): AsyncGenerator<FolderEvent, void, undefined> {
  const own = { ...options, out };
  yield* withProfile(goOnTraining({ data, weights, from, epochs }, own, nodeSite(options.openStore)), own);
}
