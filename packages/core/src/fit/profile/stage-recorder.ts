import type { TimedRun } from '../../runtime/backend.ts';
import type { CourseStage, OpenStage, Step } from '../course.ts';
import { Origins } from './origins.ts';
import { type NamedValue, now, type Span } from './timed-program.ts';
import { TimedRuntime } from './timed-runtime.ts';

/** A step that was measured: from the end of the one before to its own, with what the trainer does between two. */
export interface MeasuredStep extends Span {
  readonly epoch: number;
  /** From 1. */
  readonly step: number;
  /** The step itself, from asking for its batch to its loss. */
  readonly taken: Span;
}

/** A view of an image that was decoded, in a thread beside the steps. */
export interface ImageSpan extends Span {
  readonly thread: number;
}

/** The calls of a program in measured steps, with the runs of each of its sessions. */
export interface RecordedProgram {
  readonly name: string;
  readonly values: readonly NamedValue[];
  ownerOf(node: string): NamedValue | undefined;
  readonly calls: readonly Span[];
  readonly sessions: readonly (readonly TimedRun[])[];
}

/** Everything that was measured of a stage. */
export interface RecordedStage {
  readonly name: string;
  /** Milliseconds that it took to open. */
  readonly preparation: number;
  readonly steps: readonly MeasuredStep[];
  readonly programs: readonly RecordedProgram[];
  readonly images: readonly ImageSpan[];
  readonly use: ProcessUse | null;
  /** Milliseconds of processor time in all measured steps. */
  readonly processor: number | null;
}

/** The processor time of a process so far, in milliseconds, and its largest resident memory, in bytes. */
export interface ProcessUse {
  readonly processor: number;
  readonly memory: number;
}

export interface RecorderOptions {
  /** Steps to measure. */
  readonly steps: number;
  /** Steps before these. */
  readonly warmup: number;
  readonly use: (() => ProcessUse) | undefined;
  /** Hears of the stage when its steps have been measured, or it ends. */
  readonly onRecorded: (stage: RecordedStage) => void;
}

/** Measures some steps of a stage, and leaves the others alone. */
export class StageRecorder {
  readonly #options: RecorderOptions;
  readonly #stage: { readonly name: string; readonly runtime: TimedRuntime; preparation: number };
  readonly #steps: MeasuredStep[] = [];
  readonly #images: ImageSpan[] = [];
  #left: number;
  #before: ProcessUse | null = null;
  #isDone = false;

  private constructor(name: string, runtime: TimedRuntime, options: RecorderOptions) {
    this.#stage = { name, runtime, preparation: 0 };
    this.#options = options;
    this.#left = options.warmup;
  }

  /** Opens a stage to be measured. */
  static async open<M extends string>(
    stage: CourseStage<M>,
    [variables, runtime]: Parameters<CourseStage<M>['open']>,
    options: RecorderOptions,
  ): Promise<{ readonly recorder: StageRecorder; readonly open: OpenStage<M> }> {
    const origins = new Origins();
    const recorder = new StageRecorder(stage.name, new TimedRuntime(runtime, origins), options);
    const start = now();
    const open = await origins.during(() => stage.open(variables, recorder.#stage.runtime));
    recorder.#stage.preparation = now() - start;
    return { recorder, open: recorder.#watched(open) };
  }

  /** Is told of a view of an image. */
  viewed(span: ImageSpan): void {
    if (!this.#isDone) this.#images.push(span);
  }

  #watched<M extends string>(open: OpenStage<M>): OpenStage<M> {
    return {
      ...open,
      steps: (epoch, step) => this.#measured(open.steps(epoch, step), epoch, step),
      close: async () => {
        await this.#finish();
        await open.close();
      },
    };
  }

  async *#measured<M extends string>(
    steps: AsyncIterable<Step<M>>,
    epoch: number,
    first: number,
  ): AsyncGenerator<Step<M>, void, undefined> {
    let start = now();
    let step = first;
    for await (const take of steps) {
      let taken: Span | null = null;
      if (this.#left === 0) this.#before ??= this.#options.use?.() ?? null;
      yield async (...given) => {
        const begin = now();
        const outcome = await take(...given);
        taken = { start: begin, end: now() };
        return outcome;
      };
      step++;
      // The next one is asked for: the trainer is done with this one.
      const end = now();
      if (taken && this.#left === 0 && !this.#isDone) this.#steps.push({ epoch, step, taken, start, end });
      this.#left = Math.max(0, this.#left - 1);
      if (this.#steps.length >= this.#options.steps) await this.#finish();
      start = now();
    }
  }

  async #finish(): Promise<void> {
    if (this.#isDone) return;
    this.#isDone = true;
    const after = this.#options.use?.() ?? null;
    const { runtime, ...stage } = this.#stage;
    const steps = [...this.#steps];
    const isIn = (start: number) => steps.some((step) => start >= step.start && start < step.end);
    const programs: RecordedProgram[] = [];
    for (const program of runtime.programs) {
      const sessions = await program.end();
      programs.push({
        name: program.name,
        values: program.values,
        ownerOf: (node) => program.ownerOf(node),
        calls: program.calls.splice(0).filter(({ start }) => isIn(start)),
        sessions: sessions.map((runs) => runs.filter(({ start }) => isIn(start))),
      });
    }
    const images = this.#images.splice(0).filter(({ start }) => isIn(start));
    const processor = after && this.#before && after.processor - this.#before.processor;
    if (steps.length > 0) this.#options.onRecorded({ ...stage, steps, programs, images, use: after, processor });
  }
}
