import { UserError } from '@graft-ml/core/internal/base/errors';
import { ImageError } from '@graft-ml/core/internal/image/problem';
import { nextBatch, type Waiting } from './batch-queue.ts';
import { type Child, ProcessLost, startChild } from './child.ts';
import type {
  BatchImage,
  ExplainTask,
  ImageContent,
  ImageExplanation,
  InferenceReply,
  InferenceTask,
  ModelDescription,
  PlanarImage,
  RunImageTask,
  Undecoded,
} from './messages.ts';
import { ServeError } from './problems.ts';
import type { PixelSlot, SharedPixels } from './shared-pixels.ts';

/** What a model says of one image. */
export interface RowOutputs {
  readonly logits: Float32Array;
  readonly probabilities: Float32Array;
}

/** What a pool tells whoever watches it. */
export interface PoolEvents {
  onBatch(images: number, milliseconds: number): void;
  /** How long an image waited for its batch. */
  onWait(milliseconds: number): void;
  /** How long a process of the model took to decode the images of a batch. */
  onDecode(milliseconds: number): void;
  onLost(how: string): void;
}

export interface PoolOptions extends PoolEvents {
  readonly shared: SharedPixels;
  readonly path: string;
  readonly workers: number;
  readonly threads: number;
  readonly maxBatch: number;
  /** Milliseconds that an image waits for others while a worker is free. */
  readonly maxWait: number;
  readonly explains: boolean;
  /** The longest a batch may take; then its process is taken for stuck. */
  readonly seconds: number;
  /** The longest opening the model may take. */
  readonly openSeconds: number;
}

/** One version of a model in its processes. */
export interface ModelPool {
  readonly description: ModelDescription;
  /**
   * Decodes and classifies an image in one process, which is the cheapest way where that has one thread anyway. Null: it
   * has to be decoded apart. @throws ImageError, ServeError (by rejection)
   */
  classify(content: ImageContent, signal: AbortSignal): Promise<RowOutputs | null>;
  /** Settles when nothing reads there any more. @param slot u8 (3, crop, crop). @throws ServeError (by rejection) */
  run(slot: PixelSlot, signal: AbortSignal): Promise<RowOutputs>;
  /** The same for an image of any size, where that is the model's input. */
  runImage(image: PlanarImage, signal: AbortSignal): Promise<RowOutputs>;
  /** Grad-CAM, as `run`. */
  explain(slot: PixelSlot, target: number | null, signal: AbortSignal): Promise<ImageExplanation>;
  readonly waiting: number;
  readonly pids: readonly number[];
  /** The processes that have the model open. */
  readonly ready: number;
  /** Ends the processes. What still waits rejects. */
  close(): void;
}

type Worker = Child<InferenceTask, InferenceReply>;

interface Job extends Omit<Waiting, 'isAlone'> {
  isAlone: boolean;
  /** An image that goes into a batch, or a task for an image by itself. */
  readonly subject: BatchImage | ExplainTask | RunImageTask;
  /** Whether its first process broke down. */
  isRetried: boolean;
  answer(value: JobReply): void;
  fail(error: unknown): void;
}

type JobReply = RowOutputs | Undecoded | ImageExplanation;

/** Bytes from which a file is decoded apart: sending it, and decoding it, would hold up others. */
const manyBytes = 2e6;
/**
 * Milliseconds for which images are decoded apart after a process was lost, perhaps to one of them: a decoder is
 * replaced at once, a model is not.
 */
const caution = 60_000;

/** A process that ends sooner after its start than this is started again only after a while. */
const shortLife = 5000;
const longestPause = 30_000;

/** Opens a model in processes of its own. @throws UserError (by rejection) where it cannot be opened */
export async function openModelPool(options: PoolOptions): Promise<ModelPool> {
  const pool = new Pool(options);
  try {
    // The first one times kernels where that was not done yet; the others find the choices.
    await pool.start();
    await Promise.all(Array.from({ length: options.workers - 1 }, () => pool.start()));
  } catch (error) {
    pool.close();
    throw error;
  }
  return pool;
}

class Pool implements ModelPool {
  readonly #options: PoolOptions;
  readonly #queue: Job[] = [];
  readonly #idle: Worker[] = [];
  readonly #workers = new Set<Worker>();
  readonly #open = new Set<Worker>();
  #description: ModelDescription | undefined;
  #isClosed = false;
  #clock: NodeJS.Timeout | undefined;
  #pause = 0;
  /** Until when images are decoded apart. */
  #apartUntil: number;

  constructor(options: PoolOptions) {
    this.#options = options;
    // With several threads a model would leave all but one of them idle while it decodes.
    this.#apartUntil = options.threads === 1 ? 0 : Number.POSITIVE_INFINITY;
  }

  get description(): ModelDescription {
    if (!this.#description) throw new Error('the model is not open yet');
    return this.#description;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  get pids(): readonly number[] {
    return [...this.#workers].flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  }

  get ready(): number {
    return this.#open.size;
  }

  async classify({ bytes, mostPixels }: ImageContent, signal: AbortSignal): Promise<RowOutputs | null> {
    if (bytes.length > manyBytes || performance.now() < this.#apartUntil) return null;
    const reply = await this.#reply({ bytes, mostPixels }, signal).catch((error: unknown) => {
      if (error instanceof ProcessLost) return null;
      throw error;
    });
    if (reply === null || 'isLarge' in reply || 'isCostly' in reply) return null;
    if ('problem' in reply) throw new ImageError(reply.problem);
    return outputsIn(reply);
  }

  async run({ offset }: PixelSlot, signal: AbortSignal): Promise<RowOutputs> {
    return outputsIn(await this.#reply({ offset }, signal));
  }

  async runImage(image: PlanarImage, signal: AbortSignal): Promise<RowOutputs> {
    return outputsIn(await this.#reply({ kind: 'run-image', image }, signal));
  }

  async explain({ offset }: PixelSlot, target: number | null, signal: AbortSignal): Promise<ImageExplanation> {
    const reply = await this.#reply({ kind: 'explain', offset, target }, signal);
    if ('overlay' in reply) return reply;
    throw new Error('a worker answered something else');
  }

  #reply(subject: Job['subject'], signal: AbortSignal): Promise<JobReply> {
    return new Promise((answer, fail) => {
      const own = { isAlone: 'kind' in subject, isRetried: false, since: performance.now() };
      this.#push({ subject, signal, ...own, answer, fail });
    });
  }

  /** Starts a process, and opens the model in it. @throws UserError where that cannot be */
  async start(): Promise<void> {
    const { path, threads, maxBatch, explains, openSeconds } = this.#options;
    const worker = startChild<InferenceTask, InferenceReply>('serve/inference-main.js', this.#options.shared);
    this.#workers.add(worker);
    const started = performance.now();
    void worker.ended.then((how) => this.#onEnd(worker, how, performance.now() - started));
    const reply = await worker.ask({ kind: 'open', path, threads, maxBatch, explains }, openSeconds).catch((error) => {
      worker.kill();
      if (error instanceof UserError) throw error;
      throw new UserError(`The process that was to open it failed: ${firstLine(error)}`, { cause: error });
    });
    if (!('opened' in reply)) throw new Error('a worker answered something else');
    this.#description ??= reply.opened;
    this.#open.add(worker);
    this.#idle.push(worker);
    this.#advance();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#clock);
    for (const worker of this.#workers) worker.kill();
    for (const { fail } of this.#queue.splice(0)) fail(new ServeError('closing'));
  }

  #push(job: Job): void {
    if (this.#isClosed || job.signal.aborted) {
      job.fail(this.#isClosed ? new ServeError('closing') : job.signal.reason);
      return;
    }
    const drop = () => {
      const place = this.#queue.indexOf(job);
      if (place < 0) return; // it is being computed
      this.#queue.splice(place, 1);
      job.fail(job.signal.reason);
    };
    job.signal.addEventListener('abort', drop, { once: true });
    this.#queue.push(job);
    this.#advance();
  }

  /** Gives free workers what there is to do. */
  #advance(): void {
    clearTimeout(this.#clock);
    while (this.#idle.length > 0) {
      const next = nextBatch(this.#queue, {
        sizes: this.description.sizes,
        workers: this.#open.size,
        wait: this.#options.maxWait,
        now: performance.now(),
      });
      if (next === null) return;
      if (typeof next !== 'number') {
        this.#clock = setTimeout(() => this.#advance(), Math.ceil(next.delay));
        return;
      }
      void this.#work(this.#idle.pop()!, this.#queue.splice(0, next));
    }
  }

  async #work(worker: Worker, jobs: readonly Job[]): Promise<void> {
    const now = performance.now();
    let isLost = false;
    let decoding = 0;
    for (const { since } of jobs) this.#options.onWait(now - since);
    try {
      const [{ subject, answer }] = jobs as readonly [Job];
      if ('kind' in subject) answer(await this.#askAlone(worker, subject));
      else decoding = await this.#runIn(worker, jobs);
      this.#options.onBatch(jobs.length, performance.now() - now - decoding);
      this.#pause = 0;
    } catch (error) {
      isLost = error instanceof ProcessLost;
      if (isLost) this.#decodeApart();
      for (const job of jobs) this.#afterFailure(job, error);
    }
    if (!isLost && this.#open.has(worker)) this.#idle.push(worker);
    if (!this.#isClosed) this.#advance();
  }

  async #askAlone(worker: Worker, task: ExplainTask | RunImageTask): Promise<RowOutputs | ImageExplanation> {
    const reply = await worker.ask(task, this.#options.seconds);
    if ('explanation' in reply) return reply.explanation;
    if ('outputs' in reply) return reply.outputs;
    throw new Error('a worker answered something else');
  }

  /** Gives the milliseconds that decoding took. */
  async #runIn(worker: Worker, jobs: readonly Job[]): Promise<number> {
    const images = jobs.flatMap(({ subject }) => ('kind' in subject ? [] : [subject]));
    const reply = await worker.ask({ kind: 'run', images }, this.#options.seconds);
    if (!('batch' in reply)) throw new Error('a worker answered something else');
    const { rows, outputs, decoding } = reply.batch;
    const classes = this.description.classes.length;
    const rowOf = (of: Float32Array, i: number) => of.subarray(i * classes, (i + 1) * classes);
    for (const [i, { answer }] of jobs.entries()) {
      const row = rows[i]!;
      if (typeof row !== 'number') answer(row);
      else answer({ logits: rowOf(outputs.logits, row), probabilities: rowOf(outputs.probabilities, row) });
    }
    if (images.some(isFile)) this.#options.onDecode(decoding);
    return decoding;
  }

  /** Images are decoded apart for a while, also those that wait. */
  #decodeApart(): void {
    this.#apartUntil = Math.max(this.#apartUntil, performance.now() + caution);
    const files = this.#queue.filter(({ subject }) => isFile(subject));
    this.#queue.splice(0, Number.POSITIVE_INFINITY, ...this.#queue.filter(({ subject }) => !isFile(subject)));
    for (const { answer } of files) answer({ isCostly: true });
  }

  /** What lost its process is tried once more, by itself; a file is decoded apart first. */
  #afterFailure(job: Job, error: unknown): void {
    if (!(error instanceof ProcessLost) || isFile(job.subject)) job.fail(error);
    else if (this.#isClosed || job.isRetried) job.fail(new ServeError(this.#isClosed ? 'closing' : 'worker-lost'));
    else if (job.signal.aborted) job.fail(job.signal.reason);
    else {
      job.isAlone = true;
      job.isRetried = true;
      this.#queue.unshift(job);
    }
  }

  #onEnd(worker: Worker, how: string, lived: number): void {
    const wasOpen = this.#open.delete(worker);
    this.#workers.delete(worker);
    const place = this.#idle.indexOf(worker);
    if (place >= 0) this.#idle.splice(place, 1);
    if (this.#isClosed || !(wasOpen || this.#description)) return;
    this.#options.onLost(how);
    if (lived < shortLife) this.#pause = Math.min(longestPause, Math.max(500, 2 * this.#pause));
    setTimeout(() => {
      if (!this.#isClosed) this.start().catch(() => {}); // its end is told, and it is started again
    }, this.#pause).unref();
  }
}

function isFile(subject: Job['subject']): boolean {
  return 'bytes' in subject;
}

function outputsIn(reply: JobReply): RowOutputs {
  if ('logits' in reply) return reply;
  throw new Error('a worker answered something else');
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
}
