/** The values that an option may have in a study. Bounds are included; `log`: uniform in the logarithm. */
export type Distribution =
  | {
      readonly kind: 'float';
      readonly low: number;
      readonly high: number;
      readonly log?: boolean;
      readonly step?: number | null;
    }
  | {
      readonly kind: 'int';
      readonly low: number;
      readonly high: number;
      readonly log?: boolean;
      readonly step?: number;
    }
  | { readonly kind: 'categorical'; readonly choices: readonly unknown[] };

/** The options that a study varies, by name. */
export type Space = Readonly<Record<string, Distribution>>;

/** A point of the space: a number for each float and int, one of the choices for each categorical option. */
export type Parameters = Readonly<Record<string, unknown>>;

/** Optuna's states of a trial. */
export type TrialState = 'running' | 'complete' | 'pruned' | 'failed' | 'waiting';

/** A trial, as samplers and pruners see it. */
export interface Trial {
  /** From 0. */
  readonly number: number;
  readonly state: TrialState;
  readonly parameters: Parameters;
  /** The metric after each epoch, by its number from 1. */
  readonly intermediate: ReadonlyMap<number, number>;
  /** The metric at the end; null where it has none. */
  readonly value: number | null;
}

export type Direction = 'maximize' | 'minimize';

/** What was tried, and what is sought. */
export interface History {
  readonly space: Space;
  readonly direction: Direction;
  /** In the order of their numbers. */
  readonly trials: readonly Trial[];
}

/** Suggests the parameters of the next trial; null where there is nothing left to try, as in a grid. */
export interface Sampler {
  /** @param number the new trial's. Together with the seed it decides all that is drawn. */
  suggest(history: History, number: number): Parameters | null;
}

/** Decides whether a running trial is worth going on with. */
export interface Pruner {
  /** @param trial has just got the value of its last intermediate step */
  shouldPrune(history: History, trial: Trial): boolean;
}

/** Complete trials that have a value, the best first; of equal ones the earlier. */
export function bestFirst(trials: readonly Trial[], direction: Direction): readonly Trial[] {
  const sign = direction === 'maximize' ? -1 : 1;
  return trials
    .filter(({ state, value }) => state === 'complete' && value !== null && !Number.isNaN(value))
    .sort((a, b) => (a.value === b.value ? a.number - b.number : sign * (a.value! - b.value!)));
}

/** The complete trial with the best value, of equal ones the earliest; null where none is complete. */
export function bestTrial({ trials, direction }: History): Trial | null {
  return bestFirst(trials, direction)[0] ?? null;
}
