import { access, constants, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { z } from 'zod';
import { UserError } from '../../base/errors.ts';
import type { Tensors } from '../../base/tensor.ts';
import { exists } from '../../files/read.ts';
import { replaceFile, wrapWriteErrors } from '../../files/write.ts';
import type { Choices } from '../../runtime/index.ts';
import { writeSafetensorsFile } from '../../weights/index.ts';
import type { CheckpointStore, Phase } from '../checkpoint.ts';
import type { EvaluationEvent, TrainEvent } from '../events.ts';
import type { Logger } from '../loggers/index.ts';
import { fileLogger, type Write } from '../loggers/node/file-logger.ts';
import { isRunLog, runLogs } from '../loggers/node/run-logs.ts';
import type { evaluationSchema, Run, RunRecord } from './run-file.ts';
import { lockRun, type RunLock, refuseHeld } from './run-lock.ts';

/** What a run writes besides what training gives it. */
export interface RunParts {
  /** What `best.safetensors` says of itself. */
  readonly description: Readonly<Record<string, string>>;
  /** First values of all its variables: those that training does not see complete `best.safetensors`. */
  readonly initial: Tensors;
  /** The ONNX file that is the model, where it is not one of the zoo's. */
  readonly onnx: Uint8Array | null;
  /** Who else hears of it, besides the logs that its configuration names. */
  readonly loggers?: readonly Logger[] | undefined;
}

/** Where a run keeps it. */
export const onnxFile = 'architecture.onnx';

/**
 * A run on disk: `run.json`, `best.safetensors`, `last.safetensors`, which are replaced whole, and logs, which grow. Nothing is
 * written before `create` or `reopen`, and nothing once the folder is gone or another process's.
 */
export class RunFolder<R extends RunRecord = Run> implements CheckpointStore {
  readonly path: string;
  readonly #parts: RunParts;
  readonly #loggers: readonly Logger[];
  #run: R;
  #lock: RunLock | null;
  #isOpen = false;

  /** `lock` is of a run that is gone on with; a new one locks its folder when it makes it. */
  constructor(path: string, run: R, parts: RunParts, lock: RunLock | null = null) {
    this.path = path;
    this.#run = run;
    this.#parts = parts;
    this.#lock = lock;
    const write: Write = (name, work) => this.#write(name, work);
    const logs = runLogs(run.config.log).map((format) => fileLogger(path, format, write));
    this.#loggers = [...logs, ...(parts.loggers ?? [])];
  }

  /** As it stands in `run.json`. */
  get run(): R {
    return this.#run;
  }

  /** Between `create` or `reopen` and `close`. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Begins a new run, with `overwrite` in place of whatever run stands there. */
  async create({ overwrite }: { readonly overwrite: boolean }): Promise<void> {
    await wrapWriteErrors(this.path, () => mkdir(this.path, { recursive: true }));
    this.#lock = await lockRun(this.path);
    // Another process may have been faster.
    if (!overwrite) await refuseRun(this.path);
    await wrapWriteErrors(this.path, async () => {
      const old = (await readdir(this.path)).filter(isOurs);
      for (const name of old) await rm(join(this.path, name));
    });
    await this.#keepOnnx();
    this.#isOpen = true;
    await this.#update({});
  }

  /** Goes on. What is in the logs beyond the checkpoint is dropped: it comes again. */
  async reopen(phase: Phase): Promise<void> {
    await wrapWriteErrors(this.path, async () => {
      const old = (await readdir(this.path)).filter((name) => leftover.test(name));
      for (const name of old) await rm(join(this.path, name));
    });
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
    for (const logger of this.#loggers) await logger.log(event);
  }

  async record(event: EvaluationEvent): Promise<void> {
    for (const logger of this.#loggers) await logger.log(event);
    const { epoch, loss, accuracy, isBest } = event;
    if (isBest) this.#run = { ...this.#run, best: { loss, accuracy, epoch } };
  }

  async saveLast(tensors: Tensors, phase: Phase): Promise<void> {
    await this.#write('last.safetensors', (file) =>
      writeSafetensorsFile(file, tensors, { phase: JSON.stringify(phase) }),
    );
  }

  /** `best` is null where nothing was validated. */
  async saveBest(tensors: Tensors, best: z.output<typeof evaluationSchema> | null): Promise<void> {
    const { initial, description } = this.#parts;
    const metadata = { ...description, ...(best && { best: JSON.stringify(best) }) };
    await this.#write('best.safetensors', (file) => writeSafetensorsFile(file, { ...initial, ...tensors }, metadata));
  }

  async #keepOnnx(): Promise<void> {
    const { onnx } = this.#parts;
    if (onnx) await this.#write(onnxFile, (file) => replaceFile(file, onnx));
  }

  async #update(change: Partial<R> | Partial<Pick<RunRecord, 'status' | 'best' | 'choices'>>): Promise<void> {
    this.#run = { ...this.#run, ...change };
    await this.#write('run.json', (file) => replaceFile(file, `${JSON.stringify(this.#run, null, 2)}\n`));
  }

  async #write(name: string, write: (file: string) => Promise<void>): Promise<void> {
    await this.#lock?.check();
    const file = join(this.path, name);
    await wrapWriteErrors(file, () => write(file));
  }
}

const runFiles: ReadonlySet<string> = new Set(['run.json', 'best.safetensors', 'last.safetensors', onnxFile]);

/** What an atomic write leaves when the process is killed in it. */
const leftover = /^(run\.json|(best|last)\.safetensors|architecture\.onnx)\.\d+$/;

function isOurs(name: string): boolean {
  return runFiles.has(name) || isRunLog(name) || leftover.test(name);
}

/** @throws UserError where no new run can stand at `path`: said before time is spent on preparing it */
export async function refuseOut(path: string, { overwrite }: { overwrite: boolean }): Promise<void> {
  let folder = resolve(path);
  while (!(await exists(folder)) && folder !== dirname(folder)) folder = dirname(folder);
  if (!(await stat(folder)).isDirectory()) {
    throw new UserError(`A run is a folder, and ${folder} is a file. Choose another --out than ${path}.`);
  }
  if (!overwrite) await refuseRun(path);
  await refuseHeld(path);
  await wrapWriteErrors(path, () => access(folder, constants.W_OK));
}

async function refuseRun(path: string): Promise<void> {
  if (!(await exists(join(path, 'run.json')))) return;
  throw new UserError(
    `${path} already holds a run. Pass --resume ${path} to go on with it, --overwrite to replace it, or another --out.`,
  );
}
