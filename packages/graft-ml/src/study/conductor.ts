import { UserError } from '@graft-ml/core/internal/base/errors';
import type { RunLock } from '@graft-ml/core/internal/fit/run-store';
import { bestTrial, type Trial } from '@graft-ml/core/internal/study/study';
import type { FetchOptions } from '../files/download/fetch-file.ts';
import type { Executor, JobEvent } from '../jobs/executor.ts';
import { historyFor, mostTrials, prunerOf, samplerOf } from './choose.ts';
import { directionOf, type StudyDefinition } from './definition.ts';
import { LiveTrial } from './live-trial.ts';
import type { StudyTrial } from './study.ts';
import type { TrialEvent } from './study-events.ts';
import type { NewRun, StudyFile, TrialEnd } from './study-file.ts';
import { type TrialConfig, trialConfig } from './trial-config.ts';
import { writeTrialHparams } from './trial-hparams.ts';
import { outcomeOf, type Ship, trialJob, validationOf } from './trial-jobs.ts';

/** A study that this process runs. */
export interface RunningStudy {
  readonly study: StudyDefinition & { readonly parallel: number };
  readonly file: StudyFile;
  readonly executor: Executor;
  readonly lock: RunLock;
  readonly ship: Ship;
  /** The sources of published weights. */
  readonly download: FetchOptions | undefined;
  /** The trials of earlier processes. */
  readonly trials: readonly StudyTrial[];
  /** For how long earlier processes ran it, in seconds. */
  readonly seconds: number;
  readonly signal?: AbortSignal | undefined;
}

/** If the first so many trials all fail, the study does. */
const mostFailures = 5;

/**
 * Has the trials of a study done, as many at once as the executor does and the definition allows. Ends when all have;
 * false where the signal came before.
 */
export async function* conductTrials(running: RunningStudy): AsyncGenerator<TrialEvent, boolean, undefined> {
  const { executor, signal } = running;
  const conductor = new Conductor(running);
  const events = executor.events()[Symbol.asyncIterator]();
  try {
    yield* conductor.takeUp();
    for (;;) {
      if (signal?.aborted) return false;
      yield* conductor.begin(await executor.concurrency());
      if (conductor.isIdle) return true;
      const event = await untilAborted(events.next(), signal);
      if (event === null || event.done) return false;
      await running.lock.check();
      yield* conductor.hear(event.value);
    }
  } finally {
    conductor.noteTime();
  }
}

/** The value of a promise; null where the signal comes first. */
async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T | null> {
  if (!signal) return promise;
  if (signal.aborted) return null;
  let stop = () => {};
  const aborted = new Promise<null>((resolve) => {
    stop = () => resolve(null);
    signal.addEventListener('abort', stop);
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** The trials of a study: which have ended, which are under way, and what comes next. */
class Conductor {
  readonly #running: RunningStudy;
  readonly #ended: Trial[];
  readonly #live = new Map<number, LiveTrial>();
  readonly #started = performance.now();
  readonly #sampler;
  readonly #pruner;
  #next: number;
  /** Whether the sampler has nothing left to try. */
  #isExhausted = false;

  constructor(running: RunningStudy) {
    this.#running = running;
    this.#ended = running.trials.filter(({ state }) => state !== 'running');
    this.#next = running.trials.length;
    this.#sampler = samplerOf(running.study);
    this.#pruner = prunerOf(running.study);
  }

  get isIdle(): boolean {
    return this.#live.size === 0;
  }

  /** The time that the study has run, in seconds. */
  get #seconds(): number {
    return this.#running.seconds + (performance.now() - this.#started) / 1000;
  }

  noteTime(): void {
    this.#running.file.setStatus('running', this.#seconds);
  }

  /** Takes up the trials that were under way when the study was interrupted. */
  async *takeUp(): AsyncGenerator<TrialEvent, void, undefined> {
    const { study, trials } = this.#running;
    for (const found of trials) {
      if (found.state !== 'running') continue;
      const trial = LiveTrial.of(found, study.metric);
      this.#live.set(trial.number, trial);
      yield* this.#submit(trial, true);
      // What was noted just before the interruption may not have been judged any more.
      for (const step of [...trial.intermediate.keys()].sort((a, b) => a - b)) await this.#judge(trial, step);
    }
  }

  /** Begins trials for as long as there is room for their runs. */
  async *begin(concurrency: number): AsyncGenerator<TrialEvent, void, undefined> {
    while (this.#hasRoom(concurrency)) {
      const number = this.#next;
      const { study, file } = this.#running;
      const history = historyFor(
        study,
        [...this.#ended, ...[...this.#live.values()].map((trial) => trial.upTo(0))],
        number,
      );
      const parameters = this.#sampler.suggest(history, number);
      if (parameters === null) {
        this.#isExhausted = true;
        return;
      }
      this.#next++;
      const runs = newRuns(study, number);
      const trial = new LiveTrial({ number, parameters, runs }, study.metric);
      this.#live.set(number, trial);
      file.addTrial(number, parameters, runs, study);
      yield* this.#submit(trial, false);
    }
  }

  #hasRoom(concurrency: number): boolean {
    const { study } = this.#running;
    const { minutes } = study.budget;
    const most = mostTrials(study);
    const number = this.#next;
    const runs = [...this.#live.values()].reduce((sum, trial) => sum + trial.active.length, 0);
    const oldest = Math.min(...this.#live.keys());
    if (this.#isExhausted || (most !== null && number >= most)) return false;
    if (minutes != null && this.#seconds >= 60 * minutes) return false;
    return runs < Math.max(1, concurrency) && oldest > number - study.parallel;
  }

  async *#submit(trial: LiveTrial, isResumed: boolean): AsyncGenerator<TrialEvent, void, undefined> {
    const { study, executor, ship, download } = this.#running;
    const { number, parameters } = trial;
    yield { kind: 'trial', trial: number, parameters, runs: [...trial.runs.keys()], isResumed };
    let configs: TrialConfig[];
    try {
      configs = [...trial.runs.keys()].map((_, repeat) => trialConfig(study, parameters, repeat));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      for (const run of trial.runs.values()) run.hasEnded = true;
      trial.verdict = { state: 'failed', message: error.message };
      yield* this.#settle(trial);
      return;
    }
    for (const [i, run] of [...trial.runs.keys()].entries())
      await executor.submit(await trialJob(run, configs[i]!, study.data, { ship, download }));
  }

  /** Takes in what has happened to a job. */
  async *hear(event: JobEvent): AsyncGenerator<TrialEvent, void, undefined> {
    const trial = [...this.#live.values()].find(({ runs }) => runs.has(event.id));
    if (!trial) return;
    const run = trial.runs.get(event.id)!;
    const { number } = trial;
    switch (event.kind) {
      case 'started':
        yield { kind: 'started', trial: number, run: run.name, attempt: event.attempt, worker: event.worker };
        return;
      case 'report': {
        yield* this.#report(trial, run.name, event.report);
        return;
      }
      case 'done': {
        if (trial.verdict) break;
        const outcome = outcomeOf(event.result);
        this.#running.file.endRun(run.name, outcome);
        run.best = outcome.best;
        break;
      }
      case 'failed':
        trial.verdict ??= { state: 'failed', message: event.message };
        break;
      case 'cancelled':
        break;
    }
    run.hasEnded = true;
    if (trial.verdict) await this.#cancel(trial);
    if (trial.active.length === 0) yield* this.#settle(trial);
  }

  async *#report(trial: LiveTrial, run: string, report: unknown): AsyncGenerator<TrialEvent, void, undefined> {
    const validation = validationOf(report);
    // What a run does after the decision to stop it depends on when it hears of it, and counts for nothing.
    if (validation === null || trial.verdict) return;
    const { step, report: numbers } = validation;
    const { isNew, mean } = trial.add(run, step, numbers);
    if (!isNew) return;
    this.#running.file.addReport(trial.number, run, step, numbers, mean);
    const { accuracy, loss } = numbers;
    yield { kind: 'report', trial: trial.number, run, step, accuracy, loss, mean };
    if (mean !== null) await this.#judge(trial, step);
  }

  /** Asks the pruner after an epoch, and has the runs of a trial that it stops cancelled. */
  async #judge(trial: LiveTrial, step: number): Promise<void> {
    if (trial.verdict) return;
    const history = historyFor(this.#running.study, this.#ended, trial.number);
    if (!this.#pruner.shouldPrune(history, trial.upTo(step))) return;
    trial.verdict = { state: 'pruned', step };
    await this.#cancel(trial);
  }

  async #cancel(trial: LiveTrial): Promise<void> {
    for (const run of trial.active) await this.#running.executor.cancel(run);
  }

  /** A trial whose runs have all ended. */
  async *#settle(trial: LiveTrial): AsyncGenerator<TrialEvent, void, undefined> {
    const { file, study, executor } = this.#running;
    const { number, parameters, seconds } = trial;
    const end = endOf(trial);
    const { state, value } = end;
    // A failed run may have left no folder.
    if (state !== 'failed') {
      await writeTrialHparams(study, { number, parameters, seconds, runs: [...trial.runs.values()] }, executor);
    }
    file.endTrial(number, end, this.#seconds);
    this.#live.delete(number);
    const direction = directionOf(study);
    const before = bestTrial({ space: study.space, direction, trials: this.#ended });
    const last = trial.verdict?.state === 'pruned' ? trial.verdict.step : Number.POSITIVE_INFINITY;
    this.#ended.push({ ...trial.upTo(last), state, value });
    this.#ended.sort((a, b) => a.number - b.number);
    if (state === 'failed') yield { kind: 'failed', trial: number, message: end.message ?? '' };
    if (state === 'pruned') yield { kind: 'pruned', trial: number, step: last, value: value! };
    if (state === 'complete') yield { kind: 'complete', trial: number, value: value!, seconds };
    const best = bestTrial({ space: study.space, direction, trials: this.#ended });
    if (best?.number === number && best.value !== before?.value)
      yield { kind: 'best', trial: number, value: value!, parameters };
    this.#assertSomeWork(end.message ?? '');
  }

  /** @throws UserError where nothing but failures has come of the first trials */
  #assertSomeWork(message: string): void {
    const failed = this.#ended.filter(({ state }) => state === 'failed').length;
    const most = mostTrials(this.#running.study) ?? mostFailures;
    if (failed < this.#ended.length || failed < Math.min(mostFailures, most)) return;
    throw new UserError(
      `The first ${failed === 1 ? 'trial' : `${failed} trials`} failed, the last of them so: ${message}`,
    );
  }
}

/** What a trial has come to. */
function endOf(trial: LiveTrial): TrialEnd {
  const { verdict, value, seconds } = trial;
  if (verdict?.state === 'failed') return { state: 'failed', value: null, message: verdict.message, seconds };
  if (verdict?.state === 'pruned') {
    return { state: 'pruned', value: trial.intermediate.get(verdict.step) ?? null, seconds };
  }
  if (Number.isFinite(value)) return { state: 'complete', value, seconds };
  return { state: 'failed', value: null, message: 'Its metric is not a finite number.', seconds };
}

/** The runs of a trial: folders in the study's, which are the ids of their jobs. */
function newRuns({ seeds, options }: StudyDefinition, number: number): NewRun[] {
  const name = `trial-${String(number).padStart(4, '0')}`;
  const first = typeof options.seed === 'number' ? options.seed : 0;
  return Array.from({ length: seeds }, (_, i) => ({
    name: seeds === 1 ? name : `${name}-seed-${first + i}`,
    seed: first + i,
  }));
}
