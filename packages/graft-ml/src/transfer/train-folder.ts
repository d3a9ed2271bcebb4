import { join, resolve } from 'node:path';
import type { Logger } from '@graft-ml/core/internal/fit/loggers/index';
import { LossError } from '@graft-ml/core/internal/fit/loss-error';
import type { RunLock } from '@graft-ml/core/internal/fit/run-store';
import { train } from '@graft-ml/core/internal/fit/trainer';
import type { ImageDecoder } from '@graft-ml/core/internal/image/decoder';
import { ImageError, type ImageProblem } from '@graft-ml/core/internal/image/problem';
import { decodeSeen, type Seen } from '@graft-ml/core/internal/image/seen';
import { isOnnx } from '@graft-ml/core/internal/models/index';
import { continuationOf, type Decision, decide, type Evidence } from '@graft-ml/core/internal/recipe/auto';
import {
  parseConfig,
  type ResolvedConfig,
  resolveConfig,
  type TrainConfigInput,
} from '@graft-ml/core/internal/recipe/config/index';
import { lengthened } from '@graft-ml/core/internal/recipe/longer';
import { type PlannedStage, planOf } from '@graft-ml/core/internal/recipe/plan';
import { strategies } from '@graft-ml/core/internal/recipe/strategy';
import type { Backend, Choices } from '@graft-ml/core/runtime';
import type { OwnOnnx } from '../checkpoint/backbone.ts';
import { describeCheckpoint } from '../checkpoint/pretrained.ts';
import { fingerprint } from '../data/dataset.ts';
import type { FolderCache } from '../files/cache-folder.ts';
import type { FetchOptions } from '../files/download/fetch-file.ts';
import { type CheckpointName, type Last, readBest, readLast } from '../runs/checkpoints.ts';
import { isWeightsFile, type NamedPaths, usablePaths } from '../runs/own-paths.ts';
import { closing, recorded } from '../runs/recording.ts';
import { assertSameWeights, assertUnchanged, type Run, readRun, trainingRuns } from '../runs/run-file.ts';
import { assertNewRun, RunFolder } from '../runs/run-folder.ts';
import { type OpenRunStore, openRunStore, ownOnnx } from '../runs/run-store.ts';
import { describePlan, describeRun, seenByRun } from './describe-run.ts';
import type { FolderEvent } from './folder-events.ts';
import { type Preparation, type Prepared, prepare } from './prepare.ts';
import { changed, completeError, notesOnLength } from './resumed-run.ts';
import type { Proof } from './run-images.ts';
import { trainingTask } from './tasks.ts';

export interface TrainFolderOptions {
  /** The run folder to make. */
  readonly out: string;
  readonly overwrite?: boolean;
  /** Lowerings that stand, from the `run.json` of a run that is to be repeated bit for bit. */
  readonly choices?: Choices;
  /** SHA-256 of the weights that run began with, by its `run.json`: others under the same name would repeat nothing. */
  readonly weightsSha256?: string | null;
  /** Ends the run: in training, after the step under way, with the state saved; before training, at once. */
  readonly signal?: AbortSignal;
  readonly onPreparation?: (progress: Preparation) => void;
  /** Hears, in a sentence, of what was kept for later runs and is damaged. */
  readonly onNote?: (note: string) => void;
  /** The sources of published weights, and the progress of their download. */
  readonly download?: FetchOptions;
  /**
   * Hear what happens in training, as the logs in the run folder do. Of `auto`'s run from random weights they don't.
   */
  readonly loggers?: readonly Logger[];
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
  yield* runTraining(resolve(folder), resolved, options, null);
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
  { data, weights, from = 'last', epochs, ...options }: ResumeOptions = {},
): AsyncGenerator<FolderEvent, void, undefined> {
  const { openStore = openRunStore } = options;
  await readRun(out, openStore); // so that nothing is written where there is none
  const lock = await openStore(out).lock();
  try {
    const named = { data, weights };
    const found = await usablePaths(out, await readRun(out, openStore), named);
    const config = resolveConfig(found.config);
    const isDone = found.status === 'done' && epochs === undefined;
    if (!isDone) {
      const last = await (from === 'best'
        ? readBest(out, trainingRuns, openStore)
        : readLast(out, trainingRuns, openStore));
      const run = changed(out, found, config.epochs, { from, epochs, at: last.phase.epoch });
      yield* runTraining(run.folder, config, { ...options, out }, { run, lock, named, ...last });
    } else if (found.decision?.alsoScratch && !(await isDoneIn(join(out, 'scratch'), openStore))) {
      yield* scratchBeside(found, config, { ...options, out });
    } else {
      throw completeError(out, config.epochs + found.addedEpochs);
    }
  } finally {
    await lock.release();
  }
}

type Resumed = { run: Run; lock: RunLock; named: NamedPaths } & Last;

/** Options that one run of ours gives another. */
interface RunOptions extends TrainFolderOptions {
  /** The images that decide the split, where that is another run's: the two are to be compared. */
  readonly before?: Seen | null;
  /** Its copy of the model. */
  readonly onnxFile?: OwnOnnx;
  /** When pixels are decoded to see whether they are damaged. Default `later`: while the run trains. */
  readonly decode?: 'now' | 'later';
}

async function* runTraining(
  path: string,
  config: ResolvedConfig,
  options: RunOptions,
  resumed: Resumed | null,
): AsyncGenerator<FolderEvent, void, undefined> {
  const { out, signal, onPreparation, download, openStore } = options;
  const cleanups: (() => Promise<void>)[] = [];
  let run: Run | null = null;
  let proof: Proof | null = null;
  let damage: ImageProblem | null = null;
  // Later than in the first epoch, when all was decoded, no work is thrown away.
  const mayRestart = !resumed || resumed.phase.epoch === 0;
  const choices = resumed?.run.choices ?? options.choices;
  const before = resumed ? beforeOf(resumed.run) : options.before;
  try {
    const prepared = await prepare(path, config, {
      choices,
      threads: resumed?.run.threads,
      signal,
      onPreparation,
      onNote: options.onNote,
      cache: options.cache,
      decoder: options.decoder,
      backend: options.backend,
      download,
      onnxFile: resumed ? ownOnnx(out, resumed.run, openStore) : options.onnxFile,
      cleanups,
      before,
      decode: options.decode ?? 'later',
    });
    proof = prepared.proof;
    if (resumed) {
      const { folder, weightsSha256 } = prepared;
      assertUnchanged(out, resumed.run, { fingerprint: fingerprint(folder), weightsSha256 }, resumed.named);
    }
    assertSameWeights(prepared.config, prepared.weightsSha256, options.weightsSha256);
    run = resumed?.run ?? describeRun(path, prepared);
    const notes = [...prepared.notes, ...(resumed ? notesOnLength(resumed, resumed.run, prepared) : [])];
    yield { kind: 'ready', out, run, folder: prepared.folder, notes };
    run = yield* planned(run, prepared, options, resumed);
  } catch (error) {
    if (signal?.aborted && error === signal.reason) yield { kind: 'cancelled', out };
    else if (mayRestart && error instanceof ImageError && (await proof?.isDamage(error))) damage = error.problem;
    else throw error;
  } finally {
    await proof?.remember();
    await Promise.all(cleanups.map((clean) => clean()));
  }
  if (damage) {
    yield { kind: 'damage', problem: damage };
    const overwrite = Boolean(options.overwrite || resumed || proof?.hasBegun);
    const onnxFile = resumed ? ownOnnx(out, resumed.run, openStore) : options.onnxFile;
    const kept = { ...(choices && { choices }), ...(onnxFile && { onnxFile }) };
    const again = { ...options, ...kept, overwrite, decode: 'now' } as const;
    yield* runTraining(path, config, before === undefined ? again : { ...again, before }, null);
    return;
  }
  const isAlone = !run?.decision?.alsoScratch || (await isDoneIn(join(out, 'scratch'), openStore));
  if (run?.status === 'done' && !isAlone) yield* scratchBeside(run, config, options);
}

/** Trains by one plan, or as `auto` by two, the second of what the first reached. Returns the run as it ended. */
async function* planned(
  run: Run,
  prepared: Prepared,
  { out, overwrite = false, signal, loggers, openStore }: TrainFolderOptions,
  resumed: Resumed | null,
): AsyncGenerator<FolderEvent, Run, undefined> {
  const { config, table, model, initial, onnx, runtime } = prepared;
  const description = describeCheckpoint(model, run.classes, run.preprocessing, seenByRun(prepared));
  const store = new RunFolder(out, run, { description, initial, onnx, loggers, openStore }, resumed?.lock);
  const runPlan = (plan: readonly PlannedStage[], last: Last | null) => {
    const options = { runtime, store, ...(signal && { signal }), ...(last && { resume: last }) };
    const events = prepared.proof.within(train(trainingTask(prepared, plan), options));
    return recorded(events, store, { runtime, last, overwrite, signal });
  };
  const work = async function* (): AsyncGenerator<FolderEvent, void, undefined> {
    let [last, decision]: [Last | null, Decision | null] = [resumed, run.decision];
    if (strategies[config.strategy].isDecidedByProbe && !decision) {
      const probe = yield* runPlan(planOf(config, table), last);
      if (!probe) return;
      decision = decide({ ...evidenceOf(prepared), probe: probe.best.accuracy });
      await store.note({ decision, ...describePlan(prepared, planOf(config, table, continuationOf(decision))) });
      yield { kind: 'decision', decision };
      last = await readLast(out, trainingRuns, openStore);
    }
    const plan = lengthened(planOf(config, table, decision ? continuationOf(decision) : null), run.addedEpochs);
    const end = yield* runPlan(plan, last);
    if (!end) return;
    await store.log(end);
    await store.close('done');
    yield end;
  };
  try {
    yield* closing(store, work());
  } catch (error) {
    throw error instanceof LossError ? error.naming(prepared.folder.train.map(({ path }) => path)) : error;
  }
  return store.run;
}

function evidenceOf({ config, folder }: Prepared): Omit<Evidence, 'probe'> {
  const { train: images, validation, classes } = folder;
  return {
    images: images.length,
    classes: classes.length,
    validation: validation.length,
    domain: config.domain,
  };
}

/** The same from random weights, in a folder inside the run's, to be compared. */
async function* scratchBeside(
  run: Run,
  config: ResolvedConfig,
  options: TrainFolderOptions,
): AsyncGenerator<FolderEvent, void, undefined> {
  const { loggers: _, ...others } = options;
  const out = join(options.out, 'scratch');
  yield { kind: 'scratch', out, best: run.best! };
  if (await readLast(out, trainingRuns, options.openStore).catch(() => null)) {
    yield* resumeTraining(out, { ...others, data: run.folder });
    return;
  }
  const scratch = {
    strategy: 'scratch',
    weights: null,
    probe: 0,
    trunkRate: 1,
    rates: null,
    freeze: null,
    train: null,
  } as const;
  const before = beforeOf(run);
  const onnxFile = ownOnnx(options.out, run, options.openStore);
  yield* runTraining(run.folder, resolveConfig({ ...config, ...scratch }), { ...others, out, before, onnxFile }, null);
}

/** The images that a run's weights had seen when it began. */
function beforeOf({ before }: Run): Seen | null {
  return before && decodeSeen(before);
}

async function isDoneIn(out: string, openStore: OpenRunStore | undefined): Promise<boolean> {
  return readRun(out, openStore).then(
    ({ status }) => status === 'done',
    () => false,
  );
}
