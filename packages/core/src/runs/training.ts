import type { CheckpointName } from '../fit/checkpoint-files.ts';
import type { ImageDataset } from '../image/dataset.ts';
import { type ResolvedConfig, resolveConfig } from '../recipe/config/index.ts';
import { readBest, readLast } from './checkpoints.ts';
import type { NamedPaths } from './named-paths.ts';
import { changed, completeError } from './resumed-run.ts';
import type { ReadyEvent, RunEvent } from './run-events.ts';
import { type Run, trainingRuns } from './run-file.ts';
import { ownOnnx } from './run-files.ts';
import { assertNewRun } from './run-folder.ts';
import { beforeOf, type TrainingSite, type TrainOptions, trainRun } from './train-run.ts';

/** A place where runs are trained and resumed. */
export interface RunsSite<D extends ImageDataset, O extends TrainOptions> extends TrainingSite<D, O> {
  /** Reads a run. @throws UserError where there is none */
  read(path: string): Promise<Run>;
  /**
   * The run with the places that may be used: those that are named now, or that it notes. @throws UserError where
   * neither may be
   */
  usable(path: string, run: Run, named: NamedPaths): Promise<Run>;
}

/** How a run is resumed. */
export interface Resumption extends NamedPaths {
  /** The checkpoint to go on from. Default: `last`. */
  readonly from?: CheckpointName | undefined;
  /** Trains a run that is done for longer: until it has had so many epochs, without those of a probe. */
  readonly epochs?: number | undefined;
}

/** Trains a new run, and beside it the one from random weights that `auto` may ask for. */
export async function* beginTraining<D extends ImageDataset, O extends TrainOptions>(
  { folder, config, options }: { readonly folder: string; readonly config: ResolvedConfig; readonly options: O },
  site: RunsSite<D, O>,
): AsyncGenerator<RunEvent<D>, void, undefined> {
  await assertNewRun(site.host.openStore(options.out), { overwrite: options.overwrite ?? false });
  const run = yield* trainRun({ folder, config, options, resumed: null }, site);
  if (run) yield* scratchBeside(run, options, site);
}

/**
 * Goes on with a run where it stopped, and with the one from random weights beside it.
 * @throws UserError where it is complete, and no more epochs are asked for
 */
export async function* goOnTraining<D extends ImageDataset, O extends TrainOptions>(
  resumption: Resumption,
  options: O,
  site: RunsSite<D, O>,
): AsyncGenerator<RunEvent<D>, void, undefined> {
  const { out } = options;
  const found = await site.read(out);
  if (found.status === 'done' && resumption.epochs === undefined && !(await wantsScratch(found, out, site))) {
    throw completeError(out, resolveConfig(found.config).epochs + found.addedEpochs);
  }
  const run = yield* resumed(resumption, options, site);
  if (run) yield* scratchBeside(run, options, site);
}

/** Goes on with one run, and returns it as it ended; a run that is done stays as it is. */
async function* resumed<D extends ImageDataset, O extends TrainOptions>(
  { data, weights, from = 'last', epochs }: Resumption,
  options: O,
  site: RunsSite<D, O>,
): AsyncGenerator<RunEvent<D>, Run | null, undefined> {
  const { out } = options;
  const { openStore } = site.host;
  const lock = await openStore(out).lock();
  try {
    const named = { data, weights };
    const found = await site.usable(out, await site.read(out), named);
    if (found.status === 'done' && epochs === undefined) return found;
    const config = resolveConfig(found.config);
    const read = from === 'best' ? readBest : readLast;
    const last = await read(out, trainingRuns, openStore);
    const run = changed(out, found, config.epochs, { from, epochs, at: last.phase.epoch });
    return yield* trainRun({ folder: run.folder, config, options, resumed: { run, lock, named, ...last } }, site);
  } finally {
    await lock.release();
  }
}

/** Trains the same from random weights, where `auto` asked for it, in a folder inside the run's, to be compared. */
async function* scratchBeside<D extends ImageDataset, O extends TrainOptions>(
  run: Run,
  options: O,
  site: RunsSite<D, O>,
): AsyncGenerator<RunEvent<D> | Exclude<RunEvent, ReadyEvent>, void, undefined> {
  if (!(await wantsScratch(run, options.out, site))) return;
  const { openStore } = site.host;
  const out = scratchIn(options.out);
  const own = { ...options, loggers: undefined, out };
  yield { kind: 'scratch', out, best: run.best! };
  if (await readLast(out, trainingRuns, openStore).catch(() => null)) {
    yield* resumed({ data: run.folder }, own, site);
    return;
  }
  const ofRun = { before: beforeOf(run), onnxFile: ownOnnx(options.out, run, openStore) };
  const config = resolveConfig({ ...resolveConfig(run.config), ...fromScratch });
  yield* trainRun({ folder: run.folder, config, options: { ...own, ...ofRun }, resumed: null }, site);
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

const scratchIn = (out: string) => `${out}/scratch`;

/** Whether a run is to be compared with one from random weights that is not there yet. */
async function wantsScratch(
  run: Run,
  out: string,
  { read }: Pick<RunsSite<ImageDataset, TrainOptions>, 'read'>,
): Promise<boolean> {
  if (run.status !== 'done' || !run.decision?.alsoScratch) return false;
  return read(scratchIn(out)).then(
    ({ status }) => status !== 'done',
    () => true,
  );
}
