import type * as z from 'zod';
import { call, option } from '../base/code.ts';
import { UserError } from '../base/errors.ts';
import { formatOwnJson } from '../base/own-json.ts';
import { sha256Of } from '../base/sha256.ts';
import type { Tensors } from '../base/tensor.ts';
import type { CheckpointStore, Progress } from '../fit/checkpoint.ts';
import type { EvaluationEvent, TrainEvent } from '../fit/events.ts';
import type { Logger } from '../fit/loggers/index.ts';
import { type RunLock, type RunStore, whileHeld } from '../fit/run-store.ts';
import type { Choices } from '../runtime/index.ts';
import { writeSealed } from '../weights/sealed.ts';
import type { RunHost } from './host.ts';
import { addResources, type ResourceMeter } from './resources.ts';
import type { evaluationSchema, Run, RunRecord } from './run-file.ts';
import { curvesFile, isLeftover, isOfRun, isRunFile, onnxFile } from './run-files.ts';
import { runLogs } from './run-logs.ts';

/** The parts of a run that training does not provide. */
export interface RunParts {
  /** The metadata of `best.safetensors`. */
  readonly description: Readonly<Record<string, string>>;
  /** First values of all its variables: those that training does not see complete `best.safetensors`. */
  readonly initial: Tensors;
  /** The ONNX file that is the model, where it is not one of the zoo's. */
  readonly onnx: Uint8Array | null;
  /** Measures the time and memory of the run, which are kept when it ends. */
  readonly meter?: ResourceMeter | undefined;
  /** Loggers beside those that its configuration names. */
  readonly loggers?: readonly Logger[] | undefined;
  readonly host: RunHost;
}

/**
 * A run on disk: `run.json`, `best.safetensors`, `last.safetensors` and `curves.svg`, which are replaced whole, and logs,
 * which grow.
 * Nothing is written before `create` or `reopen`, and nothing once the folder is gone or another process's.
 */
export class RunFolder<R extends RunRecord = Run> implements CheckpointStore {
  readonly path: string;
  readonly #parts: RunParts;
  readonly #store: RunStore;
  readonly #loggers: readonly Logger[];
  #run: R;
  #lock: RunLock | null;
  #isOpen = false;
  #isLogBehind = false;

  /** `lock` is of a run that is resumed; a new one locks its folder when it makes it. */
  constructor(path: string, run: R, parts: RunParts, lock: RunLock | null = null) {
    this.path = path;
    this.#run = run;
    this.#parts = parts;
    this.#lock = lock;
    this.#store = whileHeld(parts.host.openStore(path), () => this.#lock?.check());
    this.#loggers = [...runLogs(this.#store, run.config.log, parts.host.machine), ...(parts.loggers ?? [])];
  }

  /** The run as `run.json` has it. */
  get run(): R {
    return this.#run;
  }

  /** Between `create` or `reopen` and `close`. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Begins a new run, with `overwrite` in place of whatever run stands there. */
  async create(how: { readonly overwrite: boolean }): Promise<void> {
    await this.#occupy(how);
    this.#isOpen = true;
    await this.#update({});
  }

  /**
   * Writes a run that is complete as it is. Its `run.json` comes last: a folder without one is no run, and can be
   * written again.
   */
  async createWhole(how: { readonly overwrite: boolean }): Promise<void> {
    await this.#occupy(how);
    await this.saveBest({}, null);
    await this.#update({ status: 'done' });
  }

  async #occupy({ overwrite }: { readonly overwrite: boolean }): Promise<void> {
    await this.#store.make();
    this.#lock = await this.#store.lock();
    // Another process may have been faster.
    if (!overwrite) await assertNoRun(this.#store);
    // First of all it ceases to be a run.
    await this.#remove((name) => name === 'run.json');
    await this.#remove(isRunFile);
    await this.#keepOnnx();
  }

  /** Goes on. What is in the logs beyond the checkpoint is dropped: it comes again. */
  async reopen(phase: Progress): Promise<void> {
    await this.#remove(isLeftover);
    for (const logger of this.#loggers) await logger.resume?.(phase);
    this.#isOpen = true;
    await this.#update({ status: 'running', best: phase.best });
  }

  /** Notes the lowerings in use so far. */
  async noteChoices(choices: Choices): Promise<void> {
    await this.#update({ choices: { ...choices } });
  }

  /** Notes what has become known of the run since it began. */
  async note(change: Partial<Omit<R, 'status' | 'best'>>): Promise<void> {
    await this.#update(change as Partial<R>);
  }

  /** Says how the run ended; the first time counts. */
  async close(status: Exclude<RunRecord['status'], 'running'>): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    if (!this.#isLogBehind) await this.#drawCurves();
    const { meter } = this.#parts;
    if (meter) await addResources(this.#store, meter.session);
    await this.#update({ status });
  }

  /** Closes the logs, and lets others at the folder. */
  async release(): Promise<void> {
    try {
      for (const logger of this.#loggers) await logger.close();
    } finally {
      await this.#lock?.release();
      this.#lock = null;
    }
  }

  /** Tells the loggers of everything but evaluations, which come by `record`. */
  async log(event: Exclude<TrainEvent, EvaluationEvent>): Promise<void> {
    await this.#tell(event);
  }

  async record(event: EvaluationEvent): Promise<void> {
    await this.#tell(event);
    const { epoch, loss, accuracy, isBest } = event;
    if (isBest) this.#run = { ...this.#run, best: { loss, accuracy, epoch } };
  }

  /**
   * Saves the state, unless a log lacks entries that the checkpoint would presuppose: then the one before stays, from
   * which they come again.
   */
  async saveLast(tensors: Tensors, phase: Progress): Promise<void> {
    if (this.#isLogBehind) return;
    await this.#store.replace('last.safetensors', await writeSealed(tensors, { phase: JSON.stringify(phase) }));
  }

  /** `best` is null where nothing was validated. */
  async saveBest(tensors: Tensors, best: z.output<typeof evaluationSchema> | null): Promise<void> {
    const { initial, description } = this.#parts;
    const metadata = { ...description, ...(best && { best: JSON.stringify(best) }) };
    await this.#store.replace('best.safetensors', await writeSealed({ ...initial, ...tensors }, metadata));
  }

  async #tell(event: TrainEvent): Promise<void> {
    try {
      for (const logger of this.#loggers) await logger.log(event);
    } catch (error) {
      this.#isLogBehind = true;
      throw error;
    }
  }

  async #drawCurves(): Promise<void> {
    const svg = await this.#parts.host.drawCurves(this.#store);
    if (svg !== null) await this.#store.replace(curvesFile, svg);
  }

  async #keepOnnx(): Promise<void> {
    const { onnx } = this.#parts;
    if (!onnx) return;
    await this.#store.replace(onnxFile, onnx);
    const onnxSha256 = await sha256Of(onnx);
    this.#run = { ...this.#run, onnxSha256 };
  }

  async #update(change: Partial<R> | Partial<Pick<RunRecord, 'status' | 'best' | 'choices'>>): Promise<void> {
    this.#run = { ...this.#run, ...change };
    const signature = await this.#parts.host.sign(this.#run);
    this.#run = { ...this.#run, signature };
    await this.#store.replace('run.json', formatOwnJson(this.#run));
  }

  async #remove(isOld: (name: string) => boolean): Promise<void> {
    for (const name of (await this.#store.names()).filter(isOld)) await this.#store.remove(name);
  }
}

/** @throws UserError where no new run can be kept in `store`: said before time is spent on preparing it */
export async function assertNewRun(store: RunStore, { overwrite }: { overwrite: boolean }): Promise<void> {
  await store.inspect();
  if (!overwrite) {
    await assertNoRun(store);
    await assertEmpty(store);
  }
  await store.assertWritable();
}

/**
 * @throws UserError where a store holds something else than what is left of a run that was killed before it had its
 * `run.json`
 */
export async function assertEmpty(store: RunStore, runs: readonly string[] = []): Promise<void> {
  const names = await store.names();
  const foreign = names.filter((name) => !isOfRun(name) && !runs.includes(name) && !unseen.has(name));
  if (foreign.length === 0) return;
  throw new UserError(
    `${store.path} is not empty, and holds no run: there is ` +
      `${foreign.slice(0, 3).join(', ')}${foreign.length > 3 ? ', …' : ''}. ` +
      'Choose a new folder as `out`, or pass `overwrite` to put the run beside what is there.',
  );
}

/** Files that file managers and git leave in an empty folder. */
const unseen: ReadonlySet<string> = new Set(['.DS_Store', '.gitignore', '.gitkeep', 'Thumbs.db', 'desktop.ini']);

async function assertNoRun(store: RunStore): Promise<void> {
  if (!(await store.names()).includes('run.json')) return;
  const { path } = store;
  throw new UserError(
    `${path} already holds a run. ${call('resumeTraining', [path])} goes on with it; pass ` +
      `${option('overwrite', true)} to replace it, or another ${option('out')}.`,
  );
}
