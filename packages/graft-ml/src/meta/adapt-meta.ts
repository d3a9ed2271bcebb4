import { resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { sha256Of } from '@graft-ml/core/internal/base/sha256';
import { type CheckpointName, checkpointFile } from '@graft-ml/core/internal/fit/checkpoint-files';
import type { ImageDecoder } from '@graft-ml/core/internal/image/decoder';
import { adaptLearner, leavingChosen } from '@graft-ml/core/internal/runs/adapt';
import { supportTensor } from '@graft-ml/core/internal/runs/adapted-tensors';
import type { Preparation } from '@graft-ml/core/internal/runs/prepared';
import type { Run } from '@graft-ml/core/internal/runs/run-file';
import { assertNewRun, RunFolder } from '@graft-ml/core/internal/runs/run-folder';
import type { Backend } from '@graft-ml/core/runtime';
import { type Dataset, fingerprint, openDataset } from '../data/dataset.ts';
import { openImagePool } from '../data/decoder-pool.ts';
import type { ShapeOptions } from '../data/readers/found.ts';
import type { FolderCache } from '../files/cache-folder.ts';
import { nodeHost } from '../runs/host.ts';
import { type OpenRunStore, openRunStore } from '../runs/run-store.ts';
import type { DeviceName } from '../runtime/index.ts';
import { openLearner } from './open-learner.ts';
import { sideBySide, taskRuntime } from './prepare-meta.ts';
import { readMetaRun } from './read-meta-run.ts';
import { findStart } from './starts.ts';

export interface AdaptMetaOptions extends ShapeOptions {
  /** Folder levels that make a class name. Default 1. */
  readonly classDepth?: number | undefined;
  /** The run folder to write: an ordinary one. */
  readonly out: string;
  readonly overwrite?: boolean;
  /** The checkpoint of the run of meta-learning. Default: `best`. */
  readonly checkpoint?: CheckpointName | undefined;
  /** Images of each class to learn from. Default: all there are, but those in val/ and test/. */
  readonly shots?: number | undefined;
  /**
   * Inner steps; default: the run's `testSteps`, and at least 10 where there are more classes than it was trained on.
   */
  readonly steps?: number | undefined;
  readonly onPreparation?: ((progress: Preparation) => void) | undefined;
  /** The cache for results that can be computed again. Default: `defaultCache()`; null: none. */
  readonly cache?: FolderCache | null | undefined;
  /**
   * The image decoder: a pool, or a program's own. It stays its owner's. Default: threads of this process, opened and
   * closed.
   */
  readonly decoder?: ImageDecoder | undefined;
  /** The device that computes, as in `createRuntime`. Default: that of the run. */
  readonly device?: DeviceName | undefined;
  /** The backend that runs the graphs. Default: ORT in this process and in threads. */
  readonly backend?: Backend | undefined;
  /** Opens the stores of runs: of the start, if it is a run, and of the new one. Default: in folders. */
  readonly openStore?: OpenRunStore | undefined;
  /** Gives up, with the signal's reason, as long as nothing is written. */
  readonly signal?: AbortSignal | undefined;
}

/** The result of adapting a learner to a dataset. */
export interface Adapted {
  readonly out: string;
  readonly run: Run;
  readonly learner: string;
  /** Inner steps that were taken; null for a learner that takes none. */
  readonly steps: number | null;
  readonly folder: Dataset;
  /** Notes on the head, a sentence each. */
  readonly notes: readonly string[];
}

/**
 * Fits a run of meta-learning, or a start that comes with Graft, to the classes of a folder, by a few images of each,
 * and writes an ordinary run, which can be looked at, evaluated and exported like one that was trained. Single images
 * can be classified: the running statistics of batch norms are those of the support under the adapted parameters. A
 * learner that goes by class means becomes a linear layer.
 *
 * @throws UserError where the run, the images or the place for the new run cannot be had, or the head cannot be made to
 * fit
 */
export async function adaptMeta(start: string, folder: string, options: AdaptMetaOptions): Promise<Adapted> {
  const {
    out,
    overwrite = false,
    checkpoint = 'best',
    shots,
    steps,
    onPreparation,
    signal,
    openStore = openRunStore,
    cache,
    decoder,
    backend,
    device,
    ...shape
  } = options;
  const { path, openStore: openStart } = await findStart(start, openStore);
  const { seed } = (await readMetaRun(path, openStart)).config;
  await assertNewRun(openStore(out), { overwrite });
  const pool = openImagePool(decoder);
  try {
    const whole = await openDataset(folder, {
      ...shape,
      ...(shots !== undefined && { maxPerClass: shots }),
      ...{ validationFraction: 0, seed, pool, cache },
      onProgress: (done, total) => onPreparation?.({ stage: 'checking images', done, total }),
    });
    signal?.throwIfAborted();
    const opened = await openLearner(path, whole.classes.length, checkpoint, openStart);
    const { config, preprocessing } = opened;
    const { dataset, left } = leavingChosen(whole, opened);
    const said: string[] = [];
    const onNote = (note: string) => said.push(note);
    const runtime = taskRuntime(device ?? config.device, {
      choices: opened.run.choices,
      cache,
      backend,
      onPreparation,
      onNote,
    });
    const request = { kind: 'evaluation', preprocessing } as const;
    const views = await Promise.all(dataset.train.map((image) => pool.view(image, request, preprocessing.crop)));
    signal?.throwIfAborted();
    const startStore = openStart(path);
    const {
      run,
      parts,
      steps: taken,
    } = await adaptLearner({
      start,
      opened,
      dataset,
      fingerprint: fingerprint(dataset),
      support: supportTensor(views, preprocessing),
      steps,
      runtime,
      parallel: sideBySide(1, backend),
      own: {
        maxPerClass: shots ?? null,
        ...Object.fromEntries(Object.entries(shape).filter(([, value]) => value !== undefined)),
      },
      noted: {
        folder: resolve(dataset.root),
        adaptedFrom: resolve(startStore.path),
        weightsSha256: await sha256Of(await startStore.read(checkpointFile(checkpoint))),
      },
      versions: nodeHost().versions,
    });
    await setImmediate(); // ORT blocks this thread: what came meanwhile is heard now
    signal?.throwIfAborted();
    await writeRun(new RunFolder(out, run, { ...parts, host: nodeHost(openStore) }), overwrite);
    return {
      out,
      run,
      learner: config.learner,
      steps: taken,
      folder: dataset,
      notes: [...said, ...dataset.notes, ...opened.notes, ...left, ...run.warnings.map(({ message }) => message)],
    };
  } finally {
    await pool.close();
  }
}

async function writeRun(store: RunFolder, overwrite: boolean): Promise<void> {
  try {
    await store.createWhole({ overwrite });
  } finally {
    await store.release();
  }
}
