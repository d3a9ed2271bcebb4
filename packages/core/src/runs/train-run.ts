import type { Cache } from '../fit/cache.ts';
import type { ExtractElsewhere } from '../fit/extraction.ts';
import { fit } from '../fit/fit.ts';
import type { FitOptions } from '../fit/fit-options.ts';
import type { Logger } from '../fit/loggers/index.ts';
import { LossError } from '../fit/loss-error.ts';
import type { Profiler } from '../fit/profile/profiler.ts';
import type { RunLock } from '../fit/run-store.ts';
import type { ImageDataset } from '../image/dataset.ts';
import { ImageError, type ImageProblem } from '../image/problem.ts';
import { decodeSeen, type Seen } from '../image/seen.ts';
import { continuationOf, type Decision, decide, type Evidence } from '../recipe/auto.ts';
import type { ResolvedConfig } from '../recipe/config/index.ts';
import { fitOptionsOf } from '../recipe/fit-options.ts';
import { lengthened } from '../recipe/longer.ts';
import { type PlannedStage, planOf } from '../recipe/plan.ts';
import { strategies } from '../recipe/strategy.ts';
import type { Choices } from '../runtime/index.ts';
import { describeCheckpoint } from '../weights/checkpoint.ts';
import { type Last, readLast } from './checkpoints.ts';
import { describePlan, describeRun, seenByRun } from './describe-run.ts';
import type { RunHost } from './host.ts';
import type { NamedPaths } from './named-paths.ts';
import type { Preparation, Prepared, Proof } from './prepared.ts';
import { closing, recorded } from './recording.ts';
import { ResourceMeter } from './resources.ts';
import { notesOnLength } from './resumed-run.ts';
import type { ReadyEvent, RunEvent } from './run-events.ts';
import { assertSameWeights, assertUnchanged, type Run, trainingRuns } from './run-file.ts';
import { type OwnOnnx, ownOnnx } from './run-files.ts';
import { RunFolder } from './run-folder.ts';
import type { FitByWorkers, OpenWorkers } from './run-workers.ts';

/** Options of training a run, wherever it is made. */
export interface TrainOptions {
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
  /**
   * Hear what happens in training, as the logs in the run folder do. Of `auto`'s run from random weights they don't.
   */
  readonly loggers?: readonly Logger[];
  /** Measures where the time of some steps goes. The run is the same to the bit. */
  readonly profiler?: Profiler | undefined;
  /** The cache for results that can be computed again; null: none. */
  readonly cache?: Cache | null | undefined;
  /** Computes the features of frozen layers elsewhere. The run is the same to the bit. Default: this process. */
  readonly extract?: ExtractElsewhere | undefined;
  /** Opens the workers of a configuration that has some: `workersElsewhere(farm)` in Node. */
  readonly openWorkers?: OpenWorkers | undefined;
}

/** A run to be trained, from its beginning or from where it stopped. */
export interface RunToTrain<O extends TrainOptions = TrainOptions> {
  /** The place of its images. */
  readonly folder: string;
  readonly config: ResolvedConfig;
  readonly options: O & OfAnotherRun;
  readonly resumed: Resumed | null;
}

/** The run that is gone on with, its lock, and its last state. */
export type Resumed = { readonly run: Run; readonly lock: RunLock; readonly named: NamedPaths } & Last;

/** Options that one run of ours gives another. */
export interface OfAnotherRun {
  /** The images that decide the split, where that is another run's: the two are to be compared. */
  readonly before?: Seen | null | undefined;
  /** Its copy of the model. */
  readonly onnxFile?: OwnOnnx | undefined;
  /** When pixels are decoded to see whether they are damaged. Default `later`: while the run trains. */
  readonly decode?: 'now' | 'later';
}

/** How a run is to be prepared. */
export interface PreparationOrder {
  /** The threads that stand. */
  readonly threads: number | undefined;
  /** The device on which a run that is resumed was trained so far. */
  readonly trainedOn: string | undefined;
  readonly decode: 'now' | 'later';
  /** Is told what weights and images take. */
  readonly meter: ResourceMeter;
  /** Cleanups to run when the run ends, however it ends. */
  readonly cleanups: (() => Promise<void>)[];
}

/** A place where runs are trained: a process of Node, or a page. */
export interface TrainingSite<D extends ImageDataset, O extends TrainOptions> {
  readonly host: RunHost;
  /** Reads the weights, checks the images, sets up the runtime. @throws the signal's reason soon after it is aborted */
  prepare(folder: string, config: ResolvedConfig, options: O & OfAnotherRun & PreparationOrder): Promise<Prepared<D>>;
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
export async function* trainRun<D extends ImageDataset, O extends TrainOptions>(
  given: RunToTrain<O>,
  site: TrainingSite<D, O>,
): AsyncGenerator<RunEvent<D>, Run | null, undefined> {
  const { run, damage, hasBegun } = yield* attempt(given, site);
  if (!damage) return run;
  yield { kind: 'damage', problem: damage };
  const { options, resumed } = given;
  const overwrite = Boolean(options.overwrite || resumed || hasBegun);
  // With all pixels decoded first, none can turn out to be damaged later.
  const again = { ...options, ...fixedOf(given, site), overwrite, decode: 'now' } as const;
  return (yield* attempt({ ...given, options: again, resumed: null }, site)).run;
}

/** What stands from the run that is gone on with: its lowerings, its model, the images that decide its split. */
function fixedOf(
  { options, resumed }: RunToTrain,
  { host }: { readonly host: RunHost },
): Pick<RunToTrain['options'], 'choices' | 'onnxFile' | 'before'> {
  if (!resumed) return options;
  const { choices } = resumed.run;
  return { choices, onnxFile: ownOnnx(options.out, resumed.run, host.openStore), before: beforeOf(resumed.run) };
}

async function* attempt<D extends ImageDataset, O extends TrainOptions>(
  given: RunToTrain<O>,
  site: TrainingSite<D, O>,
): AsyncGenerator<RunEvent<D>, Attempt, undefined> {
  const { config, options, resumed } = given;
  const { out, signal } = options;
  const cleanups: (() => Promise<void>)[] = [];
  const meter = new ResourceMeter(site.host.memory ?? (() => ({ now: 0, peak: 0 })));
  let run: Run | null = null;
  let proof: Proof | null = null;
  let damage: ImageProblem | null = null;
  // Later than in the first epoch, when all was decoded, no work is thrown away.
  const mayRestart = !resumed || resumed.phase.epoch === 0;
  try {
    const workers = config.workers === null ? null : await import('./run-workers.ts');
    workers?.assertWorkers(config, resumed?.run, options.openWorkers);
    const prepared = await site.prepare(given.folder, config, {
      ...options,
      ...fixedOf(given, site),
      threads: resumed?.run.threads,
      trainedOn: resumed?.run.device,
      // An image that turned out to be damaged would be another process's.
      decode: options.decode ?? (config.workers === null ? 'later' : 'now'),
      meter,
      cleanups,
    });
    proof = prepared.proof;
    if (resumed) {
      assertUnchanged(out, resumed.run, prepared, resumed.named);
    }
    workers?.roundsOf(config, prepared.folder.train.length);
    assertSameWeights(prepared.config, prepared.weightsSha256, options.weightsSha256);
    run = resumed?.run ?? describeRun(given.folder, prepared, site.host);
    const notes = [...prepared.notes, ...(resumed ? notesOnLength(resumed, resumed.run, prepared) : [])];
    yield { kind: 'ready', out, run, folder: prepared.folder, notes };
    run = yield* planned(run, prepared, { ...options, meter, host: site.host }, resumed);
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

/** Where a run is written, and what it takes is measured. */
interface Recorded {
  readonly host: RunHost;
  readonly meter: ResourceMeter;
}

/** Trains by one plan, or as `auto` by two, the second of what the first reached. Returns the run as it ended. */
async function* planned(
  run: Run,
  prepared: Prepared,
  { out, overwrite = false, signal, loggers, extract, profiler, host, meter, openWorkers }: TrainOptions & Recorded,
  resumed: Resumed | null,
): AsyncGenerator<Exclude<RunEvent, ReadyEvent>, Run, undefined> {
  const { config, architecture, model, data, initial, onnx } = prepared;
  const { table, runtime } = model;
  const description = describeCheckpoint(architecture, run.classes, run.preprocessing, seenByRun(prepared));
  const store = new RunFolder(
    out,
    run,
    { description, initial, onnx, meter: host.memory ? meter : undefined, loggers, host },
    resumed?.lock,
  );
  const runPlan = (plan: readonly PlannedStage[], last: Last | null) => {
    model.load(initial);
    const options = { store, extract, profiler, ...(signal && { signal }), resume: last ?? false };
    const training =
      config.workers === null
        ? fit(model, data, { ...runFitOptions(prepared, plan), ...options })
        : byWorkers({ prepared, run, out }, openWorkers!, options);
    const events = prepared.proof.within(meter.watch(training));
    return recorded(events, store, { runtime, last, overwrite, signal });
  };
  const work = async function* (): AsyncGenerator<Exclude<RunEvent, ReadyEvent>, void, undefined> {
    let [last, decision]: [Last | null, Decision | null] = [resumed, run.decision];
    if (strategies[config.strategy].isDecidedByProbe && !decision) {
      const probe = yield* runPlan(planOf(config, table), last);
      if (!probe) return;
      decision = decide({ ...evidenceOf(prepared), probe: probe.best.accuracy });
      await store.note({ decision, ...describePlan(prepared, planOf(config, table, continuationOf(decision))) });
      yield { kind: 'decision', decision };
      last = await readLast(out, trainingRuns, host.openStore);
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

/** `fitByWorkers`, which a page never loads. */
async function* byWorkers(...given: Parameters<FitByWorkers>): ReturnType<FitByWorkers> {
  yield* (await import('./run-workers.ts')).fitByWorkers(...given);
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
