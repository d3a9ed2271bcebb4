import { basename, dirname, join, resolve } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { holdsComparison } from '../experiment/compare.ts';
import { foldName, holdsFolds, readFolds } from '../experiment/cross-validation.ts';
import { kindOfRun } from '../runs/read-run.ts';
import { type OpenRunStore, openRunStore, type RunStore } from '../runs/run-store.ts';

/** What paths hold of which one report can be written. */
export type Given =
  /** One run, which has a report of its own. */
  | { readonly kind: 'run'; readonly of: 'train' | 'meta'; readonly path: string }
  | { readonly kind: 'folds'; readonly path: string; readonly runs: readonly string[]; readonly of: number }
  | { readonly kind: 'comparison'; readonly path: string }
  /** Runs that were named, or all those in a folder, which is `path` then. */
  | { readonly kind: 'runs'; readonly path: string | null; readonly runs: readonly string[] };

/** The most runs that a page has room for that evaluates them. */
const mostRuns = 200;

/**
 * Looks at what stands at these paths: a run, a cross-validation, a comparison of meta-learners, a folder of runs, or
 * several runs.
 *
 * @param most runs; more are refused
 * @throws UserError where there is no run, or runs that cannot stand in one page
 */
export async function findGiven(
  paths: readonly string[],
  openStore: OpenRunStore = openRunStore,
  most = mostRuns,
): Promise<Given> {
  const distinct = [...new Map(paths.map((path) => [resolve(path), path])).values()];
  if (distinct.length === 1) return findOne(distinct[0]!, openStore, most);
  const found = await Promise.all(distinct.map((path) => findOne(path, openStore, most)));
  const whole = found.find((one) => one.kind === 'comparison');
  if (whole) {
    throw new UserError(
      `${whole.path} is a comparison of meta-learners, which has a report of its own. Name it alone.`,
    );
  }
  const runs = found.flatMap((one) => (one.kind === 'run' ? [one.path] : 'runs' in one ? [...one.runs] : []));
  return { kind: 'runs', path: null, runs: bounded(runs, most) };
}

async function findOne(path: string, openStore: OpenRunStore, most: number): Promise<Given> {
  const store = openStore(path);
  const names = await store.names();
  if (names.includes('run.json')) return { kind: 'run', of: await kindOfRun(path, openStore), path };
  if (await holdsFolds(path, openStore)) {
    const { of } = await readFolds(path, openStore);
    const own = Array.from({ length: of }, (_, i) => foldName(i + 1)).filter((name) => names.includes(name));
    return { kind: 'folds', path, of, runs: await runsIn(store, own, openStore) };
  }
  if (await holdsComparison(path, openStore)) return { kind: 'comparison', path };
  const runs = await runsIn(store, names.toSorted(), openStore);
  if (runs.length > 0) return { kind: 'runs', path, runs: bounded(runs, most) };
  throw new UserError(noRun(path, names, (await openStore(dirname(path)).names()).includes('run.json')));
}

/** The runs among what a folder holds. @throws UserError where one of them is a link: the folder may have been sent */
async function runsIn(folder: RunStore, names: readonly string[], openStore: OpenRunStore): Promise<string[]> {
  const own: string[] = [];
  for (const name of names) {
    // What is no folder has no names in it.
    if ((await openStore(join(folder.path, name)).names()).includes('run.json')) own.push(name);
  }
  await folder.inspect(own);
  return own.map((name) => join(folder.path, name));
}

function bounded(runs: readonly string[], most: number): readonly string[] {
  if (runs.length <= most) return runs;
  throw new UserError(`${runs.length} runs are more than fit side by side: name at most ${most} of them.`);
}

function noRun(path: string, names: readonly string[], isWithinRun: boolean): string {
  const hint = isWithinRun
    ? `It is a file of the run ${dirname(path)}: name that folder.`
    : 'Name a run folder, a folder of runs, or several runs.';
  const what =
    names.length === 0 && !isWithinRun
      ? 'there is no such folder, or it is empty'
      : 'it has no run.json, nor has a folder in it';
  return `${path} holds no run: ${what}. ${hint}`;
}

/** Names of runs that tell them apart: the ends of their paths, as much of them as it takes. */
export function distinctNames(paths: readonly string[]): string[] {
  const whole = paths.map((path) => resolve(path));
  const named = (depth: number) => whole.map((path) => endOf(path, depth));
  for (let depth = 1; depth <= 8; depth++) {
    const names = named(depth);
    if (new Set(names).size === names.length) return names;
  }
  return whole;
}

function endOf(path: string, depth: number): string {
  return depth === 1 ? basename(path) : join(endOf(dirname(path), depth - 1), basename(path));
}
