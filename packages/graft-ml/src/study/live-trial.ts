import type { Parameters, Trial } from '@graft-ml/core/internal/study/study';
import type { StudyMetric } from './definition.ts';
import type { RunNumbers, RunReport, StudyTrial } from './study.ts';
import type { NewRun } from './study-file.ts';

/** A run of a trial under way. */
interface LiveRun extends NewRun {
  readonly reports: Map<number, RunReport>;
  /** Its best epoch, once it has ended. */
  best: RunNumbers | null;
  /** Whether nothing more comes of it: it is done, cancelled or has failed. */
  hasEnded: boolean;
}

/** A trial under way. */
export class LiveTrial {
  readonly number: number;
  readonly parameters: Parameters;
  readonly runs: ReadonlyMap<string, LiveRun>;
  /** The mean of its runs after each epoch that all of them have had. */
  readonly intermediate = new Map<number, number>();
  /** Decided before its runs have ended: they are being cancelled. */
  verdict:
    | { readonly state: 'pruned'; readonly step: number }
    | { readonly state: 'failed'; readonly message: string }
    | null = null;
  readonly #metric: StudyMetric;

  constructor(
    { number, parameters, runs }: { number: number; parameters: Parameters; runs: readonly NewRun[] },
    metric: StudyMetric,
  ) {
    this.number = number;
    this.parameters = parameters;
    this.#metric = metric;
    const live = runs.map(({ name, seed }) => ({ name, seed, reports: new Map(), best: null, hasEnded: false }));
    this.runs = new Map(live.map((run): [string, LiveRun] => [run.name, run]));
  }

  /** A trial that was under way when its study was interrupted. */
  static of(trial: StudyTrial, metric: StudyMetric): LiveTrial {
    const live = new LiveTrial(trial, metric);
    for (const { name, reports } of trial.runs) {
      for (const [step, report] of reports) live.runs.get(name)!.reports.set(step, report);
    }
    for (const [step, value] of trial.intermediate) live.intermediate.set(step, value);
    return live;
  }

  /**
   * Takes in a report. Returns the mean where all runs have got to this epoch; null where some have not, or the report
   * has come before.
   */
  add(run: string, step: number, report: RunReport): { readonly isNew: boolean; readonly mean: number | null } {
    const { reports } = this.runs.get(run)!;
    if (reports.has(step)) return { isNew: false, mean: null };
    reports.set(step, report);
    const all = [...this.runs.values()].map((each) => each.reports.get(step)?.[this.#metric]);
    if (all.some((value) => value === undefined)) return { isNew: true, mean: null };
    const mean = meanOf(all.map((value) => value ?? Number.NaN));
    this.intermediate.set(step, mean);
    return { isNew: true, mean };
  }

  /** The trial as it was after an epoch. */
  upTo(step: number): Trial {
    const intermediate = new Map([...this.intermediate].filter(([other]) => other <= step));
    return { number: this.number, state: 'running', parameters: this.parameters, intermediate, value: null };
  }

  /** Runs that have not ended. */
  get active(): readonly string[] {
    return [...this.runs.values()].filter(({ hasEnded }) => !hasEnded).map(({ name }) => name);
  }

  /** The mean of what its runs have come to. */
  get value(): number {
    return meanOf([...this.runs.values()].map(({ best }) => best?.[this.#metric] ?? Number.NaN));
  }

  /** The time that its runs took, one after the other. */
  get seconds(): number {
    const reports = [...this.runs.values()].flatMap((run) => [...run.reports.values()]);
    return reports.reduce((sum, { seconds }) => sum + seconds, 0);
  }
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
