import { join, resolve } from 'node:path';
import type { CheckpointName } from '@graft-ml/core/internal/fit/checkpoint-files';
import { isOnnx } from '@graft-ml/core/internal/models/index';
import {
  parseConfig,
  type ResolvedConfig,
  resolveConfig,
  type TrainConfigInput,
} from '@graft-ml/core/internal/recipe/config/index';
import { readBest, readLast } from '@graft-ml/core/internal/runs/checkpoints';
import { isWeightsFile, type NamedPaths } from '@graft-ml/core/internal/runs/named-paths';
import { changed, completeError } from '@graft-ml/core/internal/runs/resumed-run';
import { type Run, trainingRuns } from '@graft-ml/core/internal/runs/run-file';
import { assertNewRun } from '@graft-ml/core/internal/runs/run-folder';
import { beforeOf } from '@graft-ml/core/internal/runs/train-run';
import { usablePaths } from '../runs/own-paths.ts';
import { readRun } from '../runs/read-run.ts';
import { type OpenRunStore, openRunStore, ownOnnx } from '../runs/run-store.ts';
import type { FolderEvent } from './folder-events.ts';
import { type TrainFolderOptions, trainRun } from './train-run.ts';

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
  await assertNewRun((options.openStore ?? openRunStore)(options.out), { overwrite: options.overwrite ?? false });
  const run = yield* trainRun({ folder: resolve(folder), config: resolved, options, resumed: null });
  if (run) yield* scratchBeside(run, options);
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
export interface ResumeOptions extends Omit<TrainFolderOptions, 'out' | 'overwrite' | 'choices'>, NamedPaths {
  /** The checkpoint to go on from. Default: `last`. */
  readonly from?: CheckpointName | undefined;
  /** Trains a run that is done for longer: until it has had so many epochs, without those of a probe. */
  readonly epochs?: number | undefined;
}

/**
 * Goes on with a run where it stopped. It ends bit for bit as if it had not stopped; not so with `from: 'best'`, where
 * the optimizer begins anew, and with more `epochs` under a schedule that goes over the whole run.
 */
export async function* resumeTraining(
  out: string,
  { epochs, ...options }: ResumeOptions = {},
): AsyncGenerator<FolderEvent, void, undefined> {
  const found = await readRun(out, options.openStore);
  if (found.status === 'done' && epochs === undefined && !(await wantsScratch(found, out, options.openStore))) {
    throw completeError(out, resolveConfig(found.config).epochs + found.addedEpochs);
  }
  const run = yield* resumeRun(out, { epochs, ...options });
  const { data: _data, weights: _weights, from: _from, ...others } = options;
  if (run) yield* scratchBeside(run, { ...others, out });
}

/** Goes on with one run, and returns it as it ended; a run that is done stays as it is. */
async function* resumeRun(
  out: string,
  { data, weights, from = 'last', epochs, ...options }: ResumeOptions,
): AsyncGenerator<FolderEvent, Run | null, undefined> {
  const { openStore = openRunStore } = options;
  const lock = await openStore(out).lock();
  try {
    const named = { data, weights };
    const found = await usablePaths(out, await readRun(out, openStore), named);
    if (found.status === 'done' && epochs === undefined) return found;
    const config = resolveConfig(found.config);
    const last = await (from === 'best'
      ? readBest(out, trainingRuns, openStore)
      : readLast(out, trainingRuns, openStore));
    const run = changed(out, found, config.epochs, { from, epochs, at: last.phase.epoch });
    const resumed = { run, lock, named, ...last };
    return yield* trainRun({ folder: run.folder, config, options: { ...options, out }, resumed });
  } finally {
    await lock.release();
  }
}

/** Trains the same from random weights, where `auto` asked for it, in a folder inside the run's, to be compared. */
async function* scratchBeside(run: Run, options: TrainFolderOptions): AsyncGenerator<FolderEvent, void, undefined> {
  const { openStore = openRunStore } = options;
  if (!(await wantsScratch(run, options.out, openStore))) return;
  const { loggers: _loggers, ...others } = options;
  const out = scratchIn(options.out);
  yield { kind: 'scratch', out, best: run.best! };
  if (await readLast(out, trainingRuns, openStore).catch(() => null)) {
    yield* resumeRun(out, { ...others, data: run.folder });
    return;
  }
  const before = beforeOf(run);
  const onnxFile = ownOnnx(options.out, run, openStore);
  const config = resolveConfig({ ...resolveConfig(run.config), ...fromScratch });
  yield* trainRun({ folder: run.folder, config, options: { ...others, out, before, onnxFile }, resumed: null });
}

/** The options of a run that a run from random weights does not have. */
const fromScratch = {
  strategy: 'scratch',
  weights: null,
  probe: 0,
  backboneRate: 1,
  rates: null,
  freeze: null,
  train: null,
} as const;

const scratchIn = (out: string) => join(out, 'scratch');

/** Whether a run is to be compared with one from random weights that is not there yet. */
async function wantsScratch(run: Run, out: string, openStore: OpenRunStore | undefined): Promise<boolean> {
  if (run.status !== 'done' || !run.decision?.alsoScratch) return false;
  return readRun(scratchIn(out), openStore).then(
    ({ status }) => status !== 'done',
    () => true,
  );
}
