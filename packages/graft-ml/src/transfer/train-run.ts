import { fit } from '@graft-ml/core/internal/fit/fit';
import type { FitOptions } from '@graft-ml/core/internal/fit/fit-options';
import type { Logger } from '@graft-ml/core/internal/fit/loggers/index';
import { LossError } from '@graft-ml/core/internal/fit/loss-error';
import type { RunLock } from '@graft-ml/core/internal/fit/run-store';
import type { ImageDecoder } from '@graft-ml/core/internal/image/decoder';
import { ImageError, type ImageProblem } from '@graft-ml/core/internal/image/problem';
import { decodeSeen, type Seen } from '@graft-ml/core/internal/image/seen';
import { continuationOf, type Decision, decide, type Evidence } from '@graft-ml/core/internal/recipe/auto';
import type { ResolvedConfig } from '@graft-ml/core/internal/recipe/config/index';
import { fitOptionsOf } from '@graft-ml/core/internal/recipe/fit-options';
import { lengthened } from '@graft-ml/core/internal/recipe/longer';
import { type PlannedStage, planOf } from '@graft-ml/core/internal/recipe/plan';
import { strategies } from '@graft-ml/core/internal/recipe/strategy';
import { describeCheckpoint } from '@graft-ml/core/internal/weights/checkpoint';
import type { Backend, Choices } from '@graft-ml/core/runtime';
import type { OwnOnnx } from '../checkpoint/backbone.ts';
import { fingerprint } from '../data/dataset.ts';
import type { FolderCache } from '../files/cache-folder.ts';
import type { FetchOptions } from '../files/download/fetch-file.ts';
import { type Last, readLast } from '../runs/checkpoints.ts';
import type { NamedPaths } from '../runs/own-paths.ts';
import { closing, recorded } from '../runs/recording.ts';
import { ResourceMeter } from '../runs/resources.ts';
import { assertSameWeights, assertUnchanged, type Run, trainingRuns } from '../runs/run-file.ts';
import { RunFolder } from '../runs/run-folder.ts';
import { type OpenRunStore, ownOnnx } from '../runs/run-store.ts';
import { describePlan, describeRun, seenByRun } from './describe-run.ts';
import type { FolderEvent } from './folder-events.ts';
import { type Preparation, type Prepared, prepare } from './prepare.ts';
import { notesOnLength } from './resumed-run.ts';
import type { Proof } from './run-images.ts';

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

/** A run to be trained, from its beginning or from where it stopped. */
export interface RunToTrain {
  /** The path of its images. */
  readonly folder: string;
  readonly config: ResolvedConfig;
  readonly options: TrainRunOptions;
  readonly resumed: Resumed | null;
}

/** The run that is gone on with, its lock, and its last state. */
export type Resumed = { readonly run: Run; readonly lock: RunLock; readonly named: NamedPaths } & Last;

/** Options that one run of ours gives another. */
export interface TrainRunOptions extends TrainFolderOptions {
  /** The images that decide the split, where that is another run's: the two are to be compared. */
  readonly before?: Seen | null | undefined;
  /** Its copy of the model. */
  readonly onnxFile?: OwnOnnx | undefined;
  /** When pixels are decoded to see whether they are damaged. Default `later`: while the run trains. */
  readonly decode?: 'now' | 'later';
}

/** How an attempt to train a run ended. */
interface Attempt {
  /** The run as it ended; null where it never began. */
  readonly run: Run | null;
  /** The image that turned out to be damaged, for which the run begins again. */
  readonly damage: ImageProblem | null;
  /** Whether the run folder was made. */
  readonly hasBegun: boolean;
}

/**
 * Trains a run, and begins it again where an image turns out to be damaged in the first epoch. Returns it as it ended;
 * null where the signal came before it began.
 */
export async function* trainRun(given: RunToTrain): AsyncGenerator<FolderEvent, Run | null, undefined> {
  const { run, damage, hasBegun } = yield* attempt(given);
  if (!damage) return run;
  yield { kind: 'damage', problem: damage };
  const { options, resumed } = given;
  const overwrite = Boolean(options.overwrite || resumed || hasBegun);
  // With all pixels decoded first, none can turn out to be damaged later.
  const again = { ...options, ...fixedOf(given), overwrite, decode: 'now' } as const;
  return (yield* attempt({ ...given, options: again, resumed: null })).run;
}

/** What stands from the run that is gone on with: its lowerings, its model, the images that decide its split. */
function fixedOf({ options, resumed }: RunToTrain): Pick<TrainRunOptions, 'choices' | 'onnxFile' | 'before'> {
  if (!resumed) return options;
  const { choices } = resumed.run;
  return { choices, onnxFile: ownOnnx(options.out, resumed.run, options.openStore), before: beforeOf(resumed.run) };
}

async function* attempt(given: RunToTrain): AsyncGenerator<FolderEvent, Attempt, undefined> {
  const { config, options, resumed } = given;
  const { out, signal } = options;
  const cleanups: (() => Promise<void>)[] = [];
  const meter = new ResourceMeter();
  let run: Run | null = null;
  let proof: Proof | null = null;
  let damage: ImageProblem | null = null;
  // Later than in the first epoch, when all was decoded, no work is thrown away.
  const mayRestart = !resumed || resumed.phase.epoch === 0;
  try {
    const prepared = await prepare(given.folder, config, {
      ...options,
      ...fixedOf(given),
      threads: resumed?.run.threads,
      decode: options.decode ?? 'later',
      meter,
      cleanups,
    });
    proof = prepared.proof;
    if (resumed) {
      const { folder, weightsSha256 } = prepared;
      assertUnchanged(out, resumed.run, { fingerprint: fingerprint(folder), weightsSha256 }, resumed.named);
    }
    assertSameWeights(prepared.config, prepared.weightsSha256, options.weightsSha256);
    run = resumed?.run ?? describeRun(given.folder, prepared);
    const notes = [...prepared.notes, ...(resumed ? notesOnLength(resumed, resumed.run, prepared) : [])];
    yield { kind: 'ready', out, run, folder: prepared.folder, notes };
    run = yield* planned(run, prepared, { ...options, meter }, resumed);
  } catch (error) {
    if (signal?.aborted && error === signal.reason) yield { kind: 'cancelled', out };
    else if (mayRestart && error instanceof ImageError && (await proof?.isDamage(error))) damage = error.problem;
    else throw error;
  } finally {
    await proof?.remember();
    await Promise.all(cleanups.map((clean) => clean()));
  }
  return { run, damage, hasBegun: proof?.hasBegun ?? false };
}

/** Trains by one plan, or as `auto` by two, the second of what the first reached. Returns the run as it ended. */
async function* planned(
  run: Run,
  prepared: Prepared,
  { out, overwrite = false, signal, loggers, openStore, meter }: TrainRunOptions & { readonly meter: ResourceMeter },
  resumed: Resumed | null,
): AsyncGenerator<FolderEvent, Run, undefined> {
  const { config, architecture, model, data, initial, onnx } = prepared;
  const { table, runtime } = model;
  const description = describeCheckpoint(architecture, run.classes, run.preprocessing, seenByRun(prepared));
  const store = new RunFolder(out, run, { description, initial, onnx, meter, loggers, openStore }, resumed?.lock);
  const runPlan = (plan: readonly PlannedStage[], last: Last | null) => {
    model.load(initial);
    const options = { ...runFitOptions(prepared, plan), store, ...(signal && { signal }), resume: last ?? false };
    const events = prepared.proof.within(meter.watch(fit(model, data, options)));
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

/** The options of `fit` for a plan of a prepared run. */
export function runFitOptions(prepared: Prepared, plan: readonly PlannedStage[]): FitOptions {
  const { config, model, data, cache, onPreparation, onNote } = prepared;
  return {
    ...fitOptionsOf(config, plan, model, data.train.labels),
    cache,
    onFeatures: (done, total) => onPreparation({ stage: 'extracting features', done, total }),
    onNote,
  };
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

/** The images that a run's weights had seen when it began. */
export function beforeOf({ before }: Run): Seen | null {
  return before && decodeSeen(before);
}
