import { join } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { groupBy } from '@graft-ml/core/internal/image/group-by';
import {
  type Distribution,
  type ParameterImportance,
  parameterImportance,
  type Space,
  type Trial,
} from '@graft-ml/core/internal/study/index';
import { holdsComparison, readComparison } from '../../experiment/compare.ts';
import { type MeanInterval, meanInterval } from '../../experiment/fold-summary.ts';
import { type OpenRunStore, openRunStore } from '../../runs/run-store.ts';
import { studyFile } from '../../study/database.ts';
import { distinctNames, findGiven } from '../../study/given.ts';
import { openStudy, type Study } from '../../study/study.ts';
import { type Differences, differencesOf } from '../study/differing.ts';
import { type SummarisedAccuracy, type SummarisedRun, summarisedRun } from './summarised-run.ts';

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
  /** The range of each option that differs, but for the seed: that of the study, or what was tried. */
  readonly space: Space;
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
  const { folder, paths, tests, study } = await placesOf(typeof places === 'string' ? [places] : places, openStore);
  const names = distinctNames(paths);
  const runs: SummarisedRun[] = [];
  for (const [i, path] of paths.entries()) {
    const run = await summarisedRun(path, names[i]!, openStore);
    const state = study?.trials.find((trial) => trial.runs.some((one) => one.path === path))?.state;
    const status = state === 'pruned' || state === 'failed' ? state : run.status;
    runs.push({ ...run, status, test: tests.get(path) ?? null });
  }
  return summaryOf(runs, { folder, study, warnings: [...warningsOf(runs), ...studyWarnings(study)] });
}

/** The most runs that stand side by side. */
const mostRuns = 1000;

/** Where the runs are, and what is known of them besides what they recorded. */
interface Places {
  readonly folder: string | null;
  readonly paths: readonly string[];
  /** By path. */
  readonly tests: ReadonlyMap<string, SummarisedAccuracy>;
  readonly study: Study | null;
}

async function placesOf(places: readonly string[], openStore: OpenRunStore): Promise<Places> {
  const [place] = places;
  if (place !== undefined && places.length === 1) {
    const names = await openStore(place).names();
    if (names.includes(studyFile)) return placesOfStudy(place, names, openStore);
    if (await holdsComparison(place, openStore)) return placesOfLearners(place, names, openStore);
  }
  const given = await findGiven(places, openStore, mostRuns);
  const tests = new Map<string, never>();
  if (given.kind === 'run') return { folder: null, paths: [given.path], tests, study: null };
  if (given.kind === 'comparison') return placesOf([given.path], openStore);
  return { folder: given.path, paths: given.runs, tests, study: null };
}

/** The runs of a study that have begun, with what its best came to on a test side. */
async function placesOfStudy(folder: string, names: readonly string[], openStore: OpenRunStore): Promise<Places> {
  const study = await openStudy(folder);
  const own = study.trials.flatMap(({ runs }) => runs.map(({ name }) => name)).filter((name) => names.includes(name));
  await openStore(folder).inspect(own);
  const paths: string[] = [];
  for (const name of own) {
    const path = join(folder, name);
    if ((await openStore(path).names()).includes('run.json')) paths.push(path);
  }
  if (paths.length === 0) throw new UserError(`${folder} is a study of which no trial has begun.`);
  if (paths.length > mostRuns) {
    throw new UserError(`${paths.length} runs are more than fit side by side: name at most ${mostRuns} of them.`);
  }
  const { test } = study;
  const tests = new Map(
    test ? [[join(folder, test.run), { accuracy: test.accuracy, interval: test.interval }] as const] : [],
  );
  return { folder, paths, tests, study };
}

/** The runs of a comparison of meta-learners, with what it measured on test episodes. */
async function placesOfLearners(folder: string, names: readonly string[], openStore: OpenRunStore): Promise<Places> {
  const { contestants, rows } = await readComparison(folder, openStore);
  const own = contestants.map(({ name }) => name).filter((name) => names.includes(name));
  await openStore(folder).inspect(own);
  const tests = new Map(
    rows.map(({ name, accuracy: { mean, margin } }) => [
      join(folder, name),
      { accuracy: mean, interval: [mean - margin, mean + margin] as const },
    ]),
  );
  return { folder, paths: own.map((name) => join(folder, name)), tests, study: null };
}

/** Puts runs side by side. */
export function summaryOf(
  runs: readonly SummarisedRun[],
  { folder, warnings, study = null }: Pick<RunsSummary, 'folder' | 'warnings'> & { readonly study?: Study | null },
): RunsSummary {
  const differences = differencesOf(
    runs.map(({ run }) => run),
    runs.map(({ name }) => name),
    study ? new Set([...Object.keys(study.definition.space), 'seed']) : undefined,
  );
  const space = study?.definition.space ?? spaceOf(runs, differences);
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
    space,
    groups: groups.sort((a, b) => b.accuracy.mean - a.accuracy.mean),
    best: order[0] ?? null,
    front: {
      seconds: paretoFront(runs, order, ({ seconds }) => seconds.at(-1)),
      parameters: paretoFront(runs, order, ({ run }) => run.parameters.trained),
      flops: paretoFront(runs, order, ({ flops }) => flops?.training),
    },
    importance: study ? importanceIn(study) : importanceOf(runs, differences, space),
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

/** The ranges of the options that differ, by the values that were tried. */
function spaceOf(runs: readonly SummarisedRun[], { options, raw }: Differences): Space {
  const known = [...runs.keys()].filter((i) => runs[i]!.validation !== null && raw[i] !== null);
  const varied = options.flatMap((key, j): (readonly [string, Distribution])[] =>
    key === 'seed' ? [] : [[key, distributionOf(known.map((i) => raw[i]![j]))] as const],
  );
  return Object.fromEntries(varied);
}

function importanceIn({ definition: { space }, direction, trials }: Study): readonly ParameterImportance[] {
  const complete = trials.filter(({ state }) => state === 'complete');
  return complete.length < fewestForImportance ? [] : parameterImportance({ space, direction, trials });
}

function importanceOf(
  runs: readonly SummarisedRun[],
  { options, raw }: Differences,
  space: Space,
): readonly ParameterImportance[] {
  const known = [...runs.keys()].filter((i) => runs[i]!.validation !== null && raw[i] !== null);
  if (known.length < fewestForImportance) return [];
  const trials = known.map((i, number): Trial => {
    const parameters = options.flatMap((key, j): (readonly [string, unknown])[] => {
      const [value, distribution] = [raw[i]![j], space[key]];
      if (distribution === undefined) return [];
      if (distribution.kind === 'categorical') return [[key, textOfChoice(value)] as const];
      return typeof value === 'number' ? [[key, value] as const] : [];
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

/** Choices may be lists and objects: they are the same where they read the same. */
export const textOfChoice = (value: unknown): string =>
  typeof value === 'string' ? value : JSON.stringify(value ?? null);

/** What a reader should know of a study. */
function studyWarnings(study: Study | null): string[] {
  if (study === null) return [];
  const { status, definition, trials, best } = study;
  const failed = trials.filter(({ state }) => state === 'failed');
  return [
    ...(status === 'done'
      ? []
      : [
          `The study ${status === 'running' ? 'is running, or was killed' : 'was interrupted'}: trials are still to come.`,
        ]),
    ...(failed.length > 0
      ? [`${failed.length} of ${trials.length} trials failed, the first with: ${failed[0]!.message ?? 'no message'}`]
      : []),
    ...(definition.metric === 'loss' && best
      ? [
          `The study seeks the lowest validation loss, and by that its best is trial ${best.number}; here runs are sorted by accuracy.`,
        ]
      : []),
  ];
}

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
