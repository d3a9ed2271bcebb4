import { join, resolve } from 'node:path';
import { UserError } from '../../base/errors.ts';
import { fingerprint, type ImageFolder } from '../../data/index.ts';
import { under } from '../../nn/index.ts';
import type { Choices } from '../../runtime/index.ts';
import { type FetchOptions, publishedAs } from '../../weights/index.ts';
import { isOnnx, parseConfig, type ResolvedConfig, resolveConfig, type TrainConfigInput } from '../config/index.ts';
import type { TrainEvent } from '../events.ts';
import { train } from '../trainer.ts';
import { describeRun, type Preparation, type Prepared, prepare } from './prepare.ts';
import { onnxFile, type Run, RunFolder, readLast, readRun, refuseOut } from './run-folder.ts';
import { lockRun, type RunLock } from './run-lock.ts';
import { trainingTask, without } from './tasks.ts';

/** A run is about to begin: what was resolved, before anything is trained. */
export interface ReadyEvent {
  readonly kind: 'ready';
  readonly out: string;
  readonly run: Run;
  readonly folder: ImageFolder;
  /** What reading the weights made necessary, a sentence each. */
  readonly notes: readonly string[];
}

/** The signal came before the first step: the run folder is as it was before. */
export interface CancelledEvent {
  readonly kind: 'cancelled';
  readonly out: string;
}

export type FolderEvent = ReadyEvent | CancelledEvent | TrainEvent;

export interface TrainFolderOptions {
  /** The run folder to make. */
  readonly out: string;
  readonly overwrite?: boolean;
  /** Lowerings that stand, from the `run.json` of a run that is to be repeated bit for bit. */
  readonly choices?: Choices;
  /** In training the step under way is finished and the state saved; before it the run is given up. */
  readonly signal?: AbortSignal;
  readonly onPreparation?: (progress: Preparation) => void;
  /** Where published weights come from, and how far a download is. */
  readonly download?: FetchOptions;
}

/**
 * A folder of labelled pictures in, a run folder with a trained classifier out.
 * @throws UserError for anything wrong with the folder, the weights or the options, before training starts.
 * @example for await (const event of trainFolder('photos', { weights: 'resnet18.safetensors' }, { out: 'runs/x' })) …
 */
export async function* trainFolder(
  folder: string,
  config: TrainConfigInput,
  options: TrainFolderOptions,
): AsyncGenerator<FolderEvent, void, undefined> {
  const resolved = withAbsolutePaths(resolveConfig(parseConfig(config)));
  await refuseOut(options.out, { overwrite: options.overwrite ?? false });
  yield* runTraining(resolve(folder), resolved, options, null);
}

/** A run is gone on with from anywhere. */
function withAbsolutePaths(config: ResolvedConfig): ResolvedConfig {
  const { model, weights } = config;
  const isFile = weights !== null && !publishedAs(weights, model);
  return {
    ...config,
    model: isOnnx(model) ? resolve(model) : model,
    weights: isFile ? resolve(weights) : weights,
  };
}

/** Goes on with a run where it stopped. It ends bit for bit as if it had not stopped. */
export async function* resumeTraining(
  out: string,
  options: Omit<TrainFolderOptions, 'out' | 'overwrite' | 'choices'> = {},
): AsyncGenerator<FolderEvent, void, undefined> {
  await readRun(out); // so that nothing is written where there is none
  const lock = await lockRun(out);
  try {
    const run = await readRun(out);
    if (run.status === 'done') throw new UserError(`${out} is complete: it has its ${run.config.epochs} epochs.`);
    const last = await readLast(out);
    yield* runTraining(run.folder, resolveConfig(run.config), { ...options, out }, { run, lock, ...last });
  } finally {
    await lock.release();
  }
}

type Resumed = { run: Run; lock: RunLock } & Awaited<ReturnType<typeof readLast>>;

async function* runTraining(
  path: string,
  config: ResolvedConfig,
  options: TrainFolderOptions,
  resumed: Resumed | null,
): AsyncGenerator<FolderEvent, void, undefined> {
  const { out, signal, onPreparation, download } = options;
  const cleanups: (() => Promise<void>)[] = [];
  try {
    const choices = resumed?.run.choices ?? options.choices;
    const prepared = await prepare(path, config, {
      choices,
      threads: resumed?.run.threads,
      signal,
      onPreparation,
      download,
      onnxFile: resumed ? join(out, onnxFile) : undefined,
      cleanups,
    });
    if (resumed) refuseChanged(resumed.run, prepared, out);
    const run = resumed?.run ?? describeRun(path, prepared);
    yield { kind: 'ready', out, run, folder: prepared.folder, notes: prepared.notes };
    yield* recorded(options, run, prepared, resumed);
  } catch (error) {
    if (!signal?.aborted || error !== signal.reason) throw error;
    yield { kind: 'cancelled', out };
  } finally {
    await Promise.all(cleanups.map((clean) => clean()));
  }
}

/** Trains, and writes the run folder from the moment on when the first step is about to be taken. */
async function* recorded(
  { out, overwrite = false, signal }: TrainFolderOptions,
  run: Run,
  prepared: Prepared,
  resumed: Resumed | null,
): AsyncGenerator<TrainEvent, void, undefined> {
  const { model, strategy, initial, runtime } = prepared;
  const frozen = strategy.frozenTrunk ? without(initial, (name) => under(model.headPath).test(name)) : {};
  const store = new RunFolder(out, run, { model, frozen, onnx: prepared.onnx }, resumed?.lock);
  const task = await trainingTask(prepared);
  try {
    for await (const event of train(task, {
      runtime,
      store,
      ...(signal && { signal }),
      ...(resumed && { resume: resumed }),
    })) {
      if (event.kind === 'start') {
        signal?.throwIfAborted();
        await (resumed ? store.reopen(resumed.phase) : store.create(runtime.choices, { overwrite }));
      }
      if (event.kind === 'interrupted') await store.close('interrupted');
      if (event.kind === 'end') await store.close('done');
      yield event;
    }
  } catch (error) {
    await store.close('interrupted').catch(() => {}); // what went wrong first is what to say
    throw error;
  } finally {
    // A reader that has seen enough leaves here, too.
    await store.close('interrupted').finally(() => store.release());
  }
}

/** @throws UserError where the pictures or the weights are no longer those that the run began with */
function refuseChanged(run: Run, { folder, weightsSha256 }: Prepared, out: string): void {
  const changed = [
    ...(fingerprint(folder) === run.dataset.fingerprint ? [] : [folder.root]),
    ...(weightsSha256 === run.weightsSha256 ? [] : [run.config.weights]),
  ];
  if (changed.length === 0) return;
  const verb = changed.length === 1 ? 'has' : 'have';
  throw new UserError(
    `${changed.join(' and ')} ${verb} changed since ${out} was started; the run cannot go on. Start a new one.`,
  );
}
