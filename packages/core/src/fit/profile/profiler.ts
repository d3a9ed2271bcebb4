import { OptionError } from '../../base/errors.ts';
import type { Course, CourseStage } from '../course.ts';
import type { Profile } from './profile.ts';
import { stageProfile } from './stage-profile.ts';
import { type ImageSpan, type ProcessUse, type RecordedStage, StageRecorder } from './stage-recorder.ts';
import { traceOf } from './trace.ts';

export interface ProfilerOptions {
  /** Steps to measure in each stage. Default 10. */
  readonly steps?: number;
  /** Steps of each stage before these, in which memory is touched for the first time. Default 2. */
  readonly warmup?: number;
  /** The processor time and memory of the process. Default: not measured. */
  readonly use?: (() => ProcessUse) | undefined;
}

/**
 * Measures where the time of training goes: some steps of each stage, by layer and operator. The run is the same to the
 * bit; the steps that are measured take a few per cent longer.
 *
 * @example
 * const profiler = new Profiler({ steps: 5 });
 * for await (const event of fit(model, data, { profiler })) …
 * console.log(profileByLayer(profiler.profile.stages[0]!)[0]);
 */
export class Profiler {
  readonly #options: Required<Pick<ProfilerOptions, 'steps' | 'warmup'>> & Pick<ProfilerOptions, 'use'>;
  readonly #stages: RecordedStage[] = [];
  #profile: Profile = { version: 1, machine: '', stages: [] };
  #recorder: StageRecorder | null = null;

  /** @throws OptionError */
  constructor({ steps = 10, warmup = 2, use }: ProfilerOptions = {}) {
    this.#options = { steps: whole('steps', steps, 1), warmup: whole('warmup', warmup, 0), use };
  }

  /** What was measured so far: the stages whose steps have been measured, or that have ended after at least one. */
  get profile(): Profile {
    return this.#profile;
  }

  /**
   * The measured steps as a text in Chrome's trace format, for chrome://tracing or Perfetto: of steps, calls, kernels by
   * session, and images by thread. At most about 100,000 kernels.
   */
  trace(): string {
    return traceOf(this.#stages, this.#profile.machine);
  }

  /** The course, measured. `fit` and `metaFit` call this. */
  watch<M extends string>(course: Course<M>): Course<M> {
    const stages = course.stages.map(
      (stage): CourseStage<M> => ({
        ...stage,
        open: async (...given) => {
          const { recorder, open } = await StageRecorder.open(stage, given, {
            ...this.#options,
            use: this.#options.use,
            onRecorded: (recorded) => this.#add(recorded, given[1].identity),
          });
          this.#recorder = recorder;
          return open;
        },
      }),
    );
    return { ...course, stages };
  }

  /** Is told of a view of an image that a thread has decoded. */
  viewed(span: ImageSpan): void {
    this.#recorder?.viewed(span);
  }

  #add(stage: RecordedStage, machine: string): void {
    this.#stages.push(stage);
    this.#profile = { version: 1, machine, stages: [...this.#profile.stages, stageProfile(stage)] };
  }
}

function whole(option: string, value: number, smallest: number): number {
  if (Number.isInteger(value) && value >= smallest) return value;
  throw new OptionError({ option, expected: `a whole number from ${smallest} on`, received: value });
}
