import { basename } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { groupBy } from '@graft-ml/core/internal/image/group-by';
import { isTrainedByProgram, type Run, type RunRecord } from '@graft-ml/core/internal/runs/run-file';
import { textOf } from '../../text/options.ts';

/** Options that say where a run computes and what it writes beside, and not what. */
const withoutEffect: ReadonlySet<string> = new Set(['threads', 'memory', 'disk', 'log', 'device']);

/** What runs differ in, and which of them are repeats of one another. */
export interface Differences {
  /** The options that differ, in the order of the option table. */
  readonly options: readonly string[];
  /** The values of each run in that order, as text; null where an option does not apply, or nothing is known. */
  readonly values: readonly (readonly (string | null)[])[];
  /** The same as the runs have them; null for a run of which nothing is known. */
  readonly raw: readonly (readonly unknown[] | null)[];
  /** Runs that differ in their seed alone, each group under the name of what it has that others have not. */
  readonly variants: readonly Variant[];
}

/** A value as a table shows it: a number of a study has more digits than anyone reads. Null where there is none. */
export function shownValue(
  { values, raw }: Pick<Differences, 'values' | 'raw'>,
  run: number,
  option: number,
): string | null {
  const value = raw[run]?.[option];
  return typeof value === 'number' ? String(Number(value.toPrecision(4))) : (values[run]?.[option] ?? null);
}

/** A way of training, with the runs that went it: one, or several with different seeds. */
export interface Variant {
  readonly name: string;
  /** Positions of its runs. */
  readonly runs: readonly number[];
}

/** As much of a run, of either kind, as says how it was trained. */
type Trained = Pick<RunRecord, 'config' | 'changes'> & Partial<Pick<Run, 'adaptedFrom'>>;

/** The options of a run that say how it was trained; null where they do not: an adapted run, or one of a program. */
function optionsOf(run: Trained): Readonly<Record<string, unknown>> | null {
  return (run.adaptedFrom ?? null) !== null || isTrainedByProgram(run) ? null : { ...run.config };
}

/**
 * Compares the options of runs.
 *
 * @param names what to call a run that has no other like it
 * @param asked the options that were varied on purpose, where that is known: others, which follow from these, are not
 * listed
 */
export function differencesOf(
  runs: readonly Trained[],
  names: readonly string[],
  asked?: ReadonlySet<string>,
): Differences {
  const configs = runs.map(optionsOf);
  const known = configs.filter((config) => config !== null);
  const all = [...new Set(known.flatMap((config) => Object.keys(config)))];
  const keys = all.filter((key) => !withoutEffect.has(key) && (asked?.has(key) ?? true) && differs(key, known));
  const repeated = withoutRepeats(keys, configs);
  const groups = [...groupBy(runs.keys(), (i) => variantKey(configs[i]!, repeated, i))];
  const variants = groups.map(([, members]): Variant => {
    const [first] = members;
    const config = configs[first!];
    const isRepeated = members.length > 1 && config !== null && config !== undefined;
    return { name: isRepeated ? described(config, repeated) : names[first!]!, runs: members };
  });
  const values = configs.map((config) => keys.map((key) => (config ? valueText(key, config[key]) : null)));
  const raw = configs.map((config) => (config ? keys.map((key) => config[key]) : null));
  return { options: keys, values, raw, variants: withDistinctNames(variants, names) };
}

function differs(key: string, configs: readonly Readonly<Record<string, unknown>>[]): boolean {
  const values = configs.map((config) => config[key]);
  // Whether the head was kept is recorded by every run of partial transfer, and asked for by few.
  const compared = key === 'transferHead' ? values.filter((value) => value !== null) : values;
  return compared.some((value) => !isDeepStrictEqual(value, compared[0]));
}

/** Without the seed, and without weights that go with it: each seed has those of its own first phase. */
function withoutRepeats(
  keys: readonly string[],
  configs: readonly (Readonly<Record<string, unknown>> | null)[],
): readonly string[] {
  const given = configs.flatMap((config) => (config && config.weights !== null ? [config] : []));
  const bySeed = groupBy(given, ({ seed }) => seed);
  const areOfSeeds =
    bySeed.size > 1 &&
    new Set(given.map(({ weights }) => weights)).size === bySeed.size &&
    [...bySeed.values()].every((own) => own.every(({ weights }) => weights === own[0]!.weights));
  return keys.filter((key) => key !== 'seed' && !(key === 'weights' && areOfSeeds));
}

function variantKey(config: Readonly<Record<string, unknown>> | null, keys: readonly string[], i: number): string {
  return config ? JSON.stringify(keys.map((key) => config[key])) : `run ${i}`;
}

/** What a way of training has that another has not, in few words. */
function described(config: Readonly<Record<string, unknown>>, keys: readonly string[]): string {
  const { transferRatio, transferFrozen } = config;
  if (typeof transferRatio === 'number' && keys.includes('transferRatio')) {
    const others = keys.filter((key) => !transferKeys.has(key));
    const side = transferRatio < 1 && keys.includes('transferFrozen') ? `, ${transferFrozen ?? 'upper'} frozen` : '';
    return [`r = ${transferRatio}${side}`, ...shortTexts(config, others)].join(', ');
  }
  return shortTexts(config, keys).join(', ') || 'all options alike';
}

const transferKeys: ReadonlySet<string> = new Set([
  ...['transferRatio', 'transferFrozen', 'transferHead', 'strategy', 'weights', 'backboneRate'],
]);

function shortTexts(config: Readonly<Record<string, unknown>>, keys: readonly string[]): string[] {
  return keys.flatMap((key) => {
    const value = config[key];
    const text = valueText(key, value);
    if (text === null) return [];
    if (key === 'weights') return [basename(text)];
    // Names speak for themselves; a number needs to be told of what.
    return [typeof value === 'string' ? text : `${key} ${text}`];
  });
}

/** Two ways whose words are the same are told apart by the name of their first run. */
function withDistinctNames(variants: readonly Variant[], names: readonly string[]): Variant[] {
  const counts = groupBy(variants, ({ name }) => name);
  return variants.map((variant) =>
    counts.get(variant.name)!.length === 1 ? variant : { ...variant, name: names[variant.runs[0]!]! },
  );
}

function valueText(key: string, value: unknown): string | null {
  if (value === null || value === undefined) return null;
  const text = textOf(key, value) ?? (typeof value === 'object' ? JSON.stringify(value) : String(value));
  return text;
}
