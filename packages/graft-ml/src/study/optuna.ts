import { numberOf, valueAt } from '@graft-ml/core/internal/study/space';
import type { Distribution, TrialState } from '@graft-ml/core/internal/study/study';
import { textOf } from '../text/options.ts';

/** Our words for Optuna's states. */
export const states = {
  RUNNING: 'running',
  COMPLETE: 'complete',
  PRUNED: 'pruned',
  FAIL: 'failed',
  WAITING: 'waiting',
} as const satisfies Record<string, TrialState>;

export type OptunaState = keyof typeof states;

/** A distribution as Optuna keeps it in a row of `trial_params`. */
export function distributionJson(option: string, distribution: Distribution): string {
  return JSON.stringify(
    distribution.kind === 'categorical'
      ? {
          name: 'CategoricalDistribution',
          attributes: { choices: distribution.choices.map((choice) => plainChoice(option, choice)) },
        }
      : numericalJson(distribution),
  );
}

function numericalJson({ kind, low, high, log = false, step }: Exclude<Distribution, { kind: 'categorical' }>) {
  return kind === 'float'
    ? { name: 'FloatDistribution', attributes: { step: step ?? null, low, high, log } }
    : { name: 'IntDistribution', attributes: { log, step: step ?? 1, low, high } };
}

/** Optuna's choices are null, texts, numbers and truth values: anything else stands there as its text. */
function plainChoice(option: string, choice: unknown): string | number | boolean | null {
  if (choice === null || typeof choice === 'string' || typeof choice === 'boolean') return choice;
  if (typeof choice === 'number') return choice;
  return textOf(option, choice) ?? JSON.stringify(choice);
}

/** The number under which Optuna keeps a parameter: its own, or the index of the choice. */
export function storedNumber(distribution: Distribution, value: unknown): number {
  const number = numberOf(distribution, value);
  if (number === undefined) throw new RangeError(`${JSON.stringify(value)} is not in ${JSON.stringify(distribution)}`);
  return number;
}

/** The parameter of a stored number; undefined where it is none of the distribution's. */
export function storedValue(distribution: Distribution, number: number): unknown {
  const value = valueAt(distribution, number);
  return value !== undefined && numberOf(distribution, value) !== undefined ? value : undefined;
}

/** The columns for a number that SQLite cannot hold: NULL and its kind. */
export function finiteColumns(value: number): readonly [value: number | null, kind: string] {
  if (Number.isFinite(value)) return [value, 'FINITE'];
  return [
    null,
    value === Number.POSITIVE_INFINITY ? 'INF_POS' : value === Number.NEGATIVE_INFINITY ? 'INF_NEG' : 'NAN',
  ];
}

/** The number of such columns. */
export function numberOfColumns(value: number | null, kind: string): number {
  if (kind === 'INF_POS') return Number.POSITIVE_INFINITY;
  if (kind === 'INF_NEG') return Number.NEGATIVE_INFINITY;
  return value ?? Number.NaN;
}

/** A time as Python writes it: local, without a zone. */
export function localTime(date: Date): string {
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return `${local.toISOString().slice(0, 23).replace('T', ' ')}000`;
}

/** The moment of a time that Python or we have written; null where there is none. */
export function momentOf(text: string | null): Date | null {
  const date = text === null ? null : new Date(text.slice(0, 23).replace(' ', 'T'));
  return date === null || Number.isNaN(date.getTime()) ? null : date;
}
