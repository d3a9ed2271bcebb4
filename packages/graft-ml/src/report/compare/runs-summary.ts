import { join } from 'node:path';
import { groupBy } from '@graft-ml/core/internal/image/group-by';
import {
  type Distribution,
  type ParameterImportance,
  parameterImportance,
  type Trial,
} from '@graft-ml/core/internal/study/index';
import { holdsComparison, readComparison } from '../../experiment/compare.ts';
import { type MeanInterval, meanInterval } from '../../experiment/fold-summary.ts';
import { type OpenRunStore, openRunStore } from '../../runs/run-store.ts';
import { distinctNames, findGiven } from '../../study/given.ts';
import { type Differences, differencesOf } from '../study/differing.ts';
import { type SummarisedRun, summarisedRun } from './summarised-run.ts';

/** Runs that differ in their seed alone, as one way of training. */
export interface SeedGroup {
  /** What it has that others have not. */
  readonly name: string;
  /** Positions of its runs. */
  readonly runs: readonly number[];
  /** Of the best validation accuracies of its runs, with Student's t; the margin is NaN of one run. */
  readonly accuracy: MeanInterval;
}

/** Runs side by side, as they recorded themselves. */
export interface RunsSummary {
  /** The folder that they are of; null where runs were named one by one. */
  readonly folder: string | null;
  readonly runs: readonly SummarisedRun[];
  readonly differences: Differences;
  /** The highest mean first; runs without an epoch are in none. */
  readonly groups: readonly SeedGroup[];
  /** The run with the highest validation accuracy, of equals the one with the lowest loss; null where none has any. */
  readonly best: number | null;
  /** Runs than which no other is both as good and cheaper, the cheapest first. */
  readonly front: {
    readonly seconds: readonly number[];
    readonly parameters: readonly number[];
    /** Operations of training; empty where nobody counted them. */
    readonly flops: readonly number[];
  };
  /** The share of each option that differs in what makes a run good; empty where there are too few runs to tell. */
  readonly importance: readonly ParameterImportance[];
  /** What keeps the runs from being compared, a sentence each. */
  readonly warnings: readonly string[];
}

/** Options of comparing runs. */
export interface SummariseRunsOptions {
  readonly openStore?: OpenRunStore | undefined;
}

/**
 * Compares runs by what they recorded, without opening an image: their options where these differ, the best validation
 * accuracy and when it was reached, what it took, and, over runs that differ in their seed alone, mean and interval. The
 * accuracies are of the images or episodes by which epochs were chosen, so that the best of many is a little too good.
 *
 * @param places run folders, folders of runs, cross-validations, comparisons of meta-learners, or a study
 * @throws UserError where there is no run, one cannot be read or is a link, or there are too many
 * @example const { runs, best, groups } = await summariseRuns('runs/study');
 */
export async function summariseRuns(
  places: string | readonly string[],
  { openStore = openRunStore }: SummariseRunsOptions = {},
): Promise<RunsSummary> {
  const { folder, paths, tests } = await placesOf(typeof places === 'string' ? [places] : places, openStore);
  const names = distinctNames(paths);
  const runs: SummarisedRun[] = [];
  for (const [i, path] of paths.entries()) {
    const run = await summarisedRun(path, names[i]!, openStore);
    runs.push({ ...run, test: tests.get(path) ?? null });
  }
  return summaryOf(runs, { folder, warnings: warningsOf(runs) });
}

/** The runs at these places, and what a comparison of meta-learners measured on test episodes. */
async function placesOf(places: readonly string[], openStore: OpenRunStore) {
  const tests = new Map<string, NonNullable<SummarisedRun['test']>>();
  if (places.length === 1 && (await holdsComparison(places[0]!, openStore))) {
    const [folder] = places;
    const { contestants, rows } = await readComparison(folder!, openStore);
    const store = openStore(folder!);
    await store.inspect(contestants.map(({ name }) => name));
    const there = await store.names();
    const paths = contestants.map(({ name }) => name).filter((name) => there.includes(name));
    for (const {
      name,
      accuracy: { mean, margin },
    } of rows) {
      tests.set(join(folder!, name), { accuracy: mean, interval: [mean - margin, mean + margin] });
    }
    return { folder: folder!, paths: paths.map((name) => join(folder!, name)), tests };
  }
  const given = await findGiven(places, openStore);
  if (given.kind === 'run') return { folder: null, paths: [given.path], tests };
  if (given.kind === 'comparison') return placesOf([given.path], openStore);
  return { folder: given.path, paths: given.runs, tests };
}

/** Puts runs side by side. */
export function summaryOf(
  runs: readonly SummarisedRun[],
  { folder, warnings }: Pick<RunsSummary, 'folder' | 'warnings'>,
): RunsSummary {
  const differences = differencesOf(
    runs.map(({ run }) => run),
    runs.map(({ name }) => name),
  );
  const groups = differences.variants.flatMap(({ name, runs: all }): SeedGroup[] => {
    const own = all.filter((i) => runs[i]!.validation !== null);
    if (own.length === 0) return [];
    return [{ name, runs: own, accuracy: meanInterval(own.map((i) => runs[i]!.validation!.accuracy)) }];
  });
  const order = byAccuracy(runs);
  return {
    folder,
    runs,
    differences,
    groups: groups.sort((a, b) => b.accuracy.mean - a.accuracy.mean),
    best: order[0] ?? null,
    front: {
      seconds: paretoFront(runs, order, ({ seconds }) => seconds.at(-1)),
      parameters: paretoFront(runs, order, ({ run }) => run.parameters.trained),
      flops: paretoFront(runs, order, ({ flops }) => flops?.training),
    },
    importance: importanceOf(runs, differences),
    warnings,
  };
}

/** Runs with an accuracy, the best first. */
export function byAccuracy(runs: readonly SummarisedRun[]): number[] {
  const known = [...runs.keys()].filter((i) => runs[i]!.validation !== null);
  return known.sort((a, b) => {
    const [one, other] = [runs[a]!.validation!, runs[b]!.validation!];
    return other.accuracy - one.accuracy || one.loss - other.loss;
  });
}

/** Of runs in the order of their accuracy those that cost less than every better one; the cheapest first. */
function paretoFront(
  runs: readonly SummarisedRun[],
  order: readonly number[],
  costOf: (run: SummarisedRun) => number | undefined,
): number[] {
  const front: number[] = [];
  let least = Number.POSITIVE_INFINITY;
  // Among equally good ones the cheapest comes first, and dominates the others.
  const cost = (i: number) => costOf(runs[i]!) ?? Number.NaN;
  const accuracy = (i: number) => runs[i]!.validation!.accuracy;
  for (const i of order.toSorted((a, b) => accuracy(b) - accuracy(a) || cost(a) - cost(b))) {
    if (!(cost(i) < least)) continue;
    least = cost(i);
    front.unshift(i);
  }
  return front;
}

/** The fewest runs of which importance says anything. */
const fewestForImportance = 8;

function importanceOf(runs: readonly SummarisedRun[], { options, raw }: Differences): readonly ParameterImportance[] {
  const known = [...runs.keys()].filter((i) => runs[i]!.validation !== null && raw[i] !== null);
  if (known.length < fewestForImportance) return [];
  const space: Record<string, Distribution> = {};
  for (const [j, key] of options.entries()) {
    if (key !== 'seed') space[key] = distributionOf(known.map((i) => raw[i]![j]));
  }
  const trials = known.map((i, number): Trial => {
    const parameters = options.flatMap((key, j) => {
      const value = raw[i]![j];
      const isKnown = key in space && (space[key]!.kind === 'categorical' || typeof value === 'number');
      return isKnown ? [[key, choiceOf(value, space[key]!)] as const] : [];
    });
    return {
      number,
      state: 'complete',
      parameters: Object.fromEntries(parameters),
      intermediate: new Map(),
      value: runs[i]!.validation!.accuracy,
    };
  });
  return parameterImportance({ space, direction: 'maximize', trials });
}

/** The range of the values that were tried: of numbers, on a logarithmic scale where they are far apart; else choices. */
export function distributionOf(values: readonly unknown[]): Distribution {
  const numbers = values.filter((value) => typeof value === 'number');
  const isNumeric = numbers.length > 0 && values.every((value) => typeof value === 'number' || value === null);
  if (!isNumeric) return { kind: 'categorical', choices: [...new Set(values.map(textOfChoice))] };
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  return { kind: 'float', low, high, log: low > 0 && high / low >= 10 };
}

const choiceOf = (value: unknown, { kind }: Distribution) => (kind === 'categorical' ? textOfChoice(value) : value);

/** Choices may be lists and objects: they are the same where they read the same. */
export const textOfChoice = (value: unknown): string =>
  typeof value === 'string' ? value : JSON.stringify(value ?? null);

/** What keeps runs from being compared by their records. */
function warningsOf(runs: readonly SummarisedRun[]): string[] {
  const groups = (key: (run: SummarisedRun) => string) => [...groupBy(runs, key).values()];
  const names = (own: readonly SummarisedRun[]) =>
    `${own
      .slice(0, 4)
      .map(({ name }) => name)
      .join(', ')}${own.length > 4 ? ` and ${own.length - 4} more` : ''}`;
  const divided = (all: readonly (readonly SummarisedRun[])[]) => all.slice(0, 4).map(names).join('; ');
  const kinds = groups(({ run }) => run.kind);
  const data = groups(({ run }) => run.dataset.fingerprint);
  const seeds = groups(({ run }) => `${run.dataset.fingerprint} ${divisionOf(run)}`);
  const machines = groups(({ run }) => `${run.device} ${run.threads}`);
  const begun = runs.filter(({ validation }) => validation === null);
  return [
    ...(begun.length > 0 ? [`No epoch was validated of ${names(begun)}.`] : []),
    ...(kinds.length > 1
      ? [`Different kinds of runs: ${divided(kinds)}. Accuracies on episodes and on images cannot be compared.`]
      : []),
    ...(kinds.length === 1 && data.length > 1
      ? [`Different data: ${divided(data)}. Between these, accuracies differ by the images as well as by the runs.`]
      : []),
    ...(kinds.length === 1 && data.length === 1 && seeds.length > 1
      ? [
          'Different seeds or fractions divide a folder without parts of its own in different ways: their validation ' +
            'images differ, and intervals over seeds hold that, too.',
        ]
      : []),
    ...(machines.length > 1
      ? ['Their seconds cannot be compared: they used different devices or numbers of threads.']
      : []),
  ];
}

/** The options that divide a dataset. */
function divisionOf({ config, kind }: SummarisedRun['run']): string {
  if (kind === 'meta') return JSON.stringify([config.split, config.seed]);
  if (!('fold' in config)) return '';
  const { seed, validationFraction, testFraction, fold, parts } = config;
  return JSON.stringify([seed, validationFraction, testFraction, fold, parts]);
}
