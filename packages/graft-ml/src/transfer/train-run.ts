import type { ImageDecoder } from '@graft-ml/core/internal/image/decoder';
import type { Run } from '@graft-ml/core/internal/runs/run-file';
import type { TrainOptions } from '@graft-ml/core/internal/runs/train-run';
import * as core from '@graft-ml/core/internal/runs/train-run';
import type { Backend } from '@graft-ml/core/runtime';
import type { Dataset } from '../data/dataset.ts';
import type { FolderCache } from '../files/cache-folder.ts';
import type { FetchOptions } from '../files/download/fetch-file.ts';
import { nodeHost } from '../runs/host.ts';
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
  /** Opens the store of a run by its path. Default: in folders. */
  readonly openStore?: OpenRunStore;
}

/** A run on a folder of images, to be trained from its beginning or from where it stopped. */
export type RunToTrain = core.RunToTrain<TrainFolderOptions>;

/** Trains a run in this process. Returns it as it ended; null where the signal came before it began. */
export function trainRun(given: RunToTrain): AsyncGenerator<FolderEvent, Run | null, undefined> {
  return core.trainRun<Dataset, TrainFolderOptions>(given, { host: nodeHost(given.options.openStore), prepare });
}
