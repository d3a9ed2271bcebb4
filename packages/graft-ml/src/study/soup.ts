import { UserError } from '@graft-ml/core/internal/base/errors';
import { averageTensors } from '@graft-ml/core/internal/weights/average';
import { kindOfRun, readRun } from '../runs/read-run.ts';
import { type OpenRunStore, openRunStore } from '../runs/run-store.ts';
import { distinctNames, findGiven } from './given.ts';
import {
  type AverageOptions,
  differenceOf,
  type MeasuredWeights,
  type RunTensors,
  shortList,
  WeightsBench,
} from './weights-bench.ts';

/** A run that was offered to a soup. */
export interface SoupIngredient {
  readonly run: string;
  readonly name: string;
  /** Of the run by itself. */
  readonly validation: MeasuredWeights;
  /** Of the soup with it, when its turn came; null for the first, which is the soup then. */
  readonly withIt: MeasuredWeights | null;
  readonly kept: boolean;
}

/** A greedy soup, and what it is better or no better than. */
export interface GreedySoup {
  /** The run that was written; null where no second ingredient was kept: the best run is the soup. */
  readonly out: string | null;
  /** The best first. */
  readonly ingredients: readonly SoupIngredient[];
  /** Runs that were no candidates, with the reason. */
  readonly leftOut: readonly { readonly run: string; readonly reason: string }[];
  /** On the images that it was chosen by, so that both numbers are a little too good, the soup's more. */
  readonly validation: { readonly best: MeasuredWeights; readonly soup: MeasuredWeights };
  /** On the test part, which nothing was chosen by; null where the dataset has none. */
  readonly test: { readonly best: MeasuredWeights; readonly soup: MeasuredWeights } | null;
}

/**
 * Averages the weights of the runs of a study, as a greedy soup (Wortsman et al. 2022, arXiv 2203.05482, recipe 1): the
 * runs by falling validation accuracy, each kept only where the accuracy of the average does not fall. The result is
 * written as an ordinary run, and costs no more to use than one of them. Candidates are runs of the network, the classes
 * and the division of the dataset that the best of them has. The running statistics of batch norms are averaged, not
 * measured anew.
 *
 * @param runs run folders, folders of runs, or the folder of a study
 * @throws UserError where fewer than two runs can be averaged, or one or its images cannot be read; the signal's reason
 * @example const { out, validation, test } = await greedySoup('runs/study', { out: 'runs/soup' });
 */
export async function greedySoup(runs: string | readonly string[], options: AverageOptions): Promise<GreedySoup> {
  const { openStore = openRunStore } = options;
  const { paths, leftOut } = await candidates(typeof runs === 'string' ? [runs] : runs, openStore);
  assertSeveral(paths.length, leftOut);
  const names = distinctNames(paths);
  await using bench = await WeightsBench.open(paths[0]!, options);
  const alone: Alone[] = [];
  for (const [i, run] of paths.entries()) {
    const own = await bench.weightsOf(run);
    const reason = bench.objectionTo(own);
    if (reason !== null) leftOut.push({ run, reason });
    if (reason !== null) continue;
    const stage = `measuring run ${i + 1} of ${paths.length}`;
    alone.push({ run, name: names[i]!, validation: await bench.measure(own.tensors, 'validation', stage) });
  }
  assertSeveral(alone.length, leftOut);
  alone.sort((a, b) => b.validation.accuracy - a.validation.accuracy || a.validation.loss - b.validation.loss);
  const best = await bench.weightsOf(alone[0]!.run);
  const { kept, ingredients, soup, validation } = await stirred(bench, alone, best);
  const isSoup = kept.length > 1;
  const tested = bench.hasTest ? await bench.measure(best.tensors, 'test', 'measuring the test part') : null;
  const test = tested && {
    best: tested,
    soup: isSoup ? await bench.measure(soup, 'test', 'measuring the test part') : tested,
  };
  if (isSoup) {
    const own = ingredients.flatMap(({ kept: isKept, name }) => (isKept ? [name] : []));
    await bench.write(soup, { how: `greedy soup of ${shortList(own)}`, of: kept, validation });
  }
  return {
    out: isSoup ? options.out : null,
    ingredients,
    leftOut,
    validation: { best: alone[0]!.validation, soup: validation },
    test,
  };
}

type Alone = Pick<SoupIngredient, 'run' | 'name' | 'validation'>;

type LeftOut = GreedySoup['leftOut'];

/** @throws UserError where there are no two, with the reasons */
function assertSeveral(count: number, leftOut: LeftOut): void {
  if (count >= 2) return;
  const reasons = leftOut.slice(0, 5).map(({ run, reason }) => `\n  ${run}: ${reason}`);
  throw new UserError(`A soup is made of two runs or more, and ${count} can be averaged.${reasons.join('')}`);
}

/** Adds one run after the other, and keeps those with which the accuracy does not fall. */
async function stirred(bench: WeightsBench, alone: readonly Alone[], best: RunTensors) {
  const kept = [best];
  let [soup, validation] = [best.tensors, alone[0]!.validation];
  const ingredients: SoupIngredient[] = [{ ...alone[0]!, withIt: null, kept: true }];
  for (const [i, one] of alone.entries()) {
    if (i === 0) continue;
    const own = await bench.weightsOf(one.run);
    const mixed = averageTensors([...kept, own].map(({ tensors }) => ({ source: one.run, tensors })));
    const withIt = await bench.measure(mixed, 'validation', `adding run ${i + 1} of ${alone.length}`);
    const isKept = withIt.accuracy >= validation.accuracy;
    ingredients.push({ ...one, withIt, kept: isKept });
    if (!isKept) continue;
    kept.push(own);
    [soup, validation] = [mixed, withIt];
  }
  return { kept, ingredients, soup, validation };
}

/** The runs that can be averaged with the best of them, as they recorded themselves, that one first. */
async function candidates(places: readonly string[], openStore: OpenRunStore) {
  const given = await findGiven(places, openStore, 1000);
  if (given.kind === 'comparison') {
    throw new UserError(`${given.path} is a comparison of meta-learners: a soup is made of runs of \`trainFolder\`.`);
  }
  const all = given.kind === 'run' ? [given.path] : given.runs;
  const leftOut: { run: string; reason: string }[] = [];
  const known: { path: string; run: Awaited<ReturnType<typeof readRun>>; accuracy: number }[] = [];
  for (const path of all) {
    if ((await kindOfRun(path, openStore)) === 'meta') {
      leftOut.push({ run: path, reason: 'it is a run of meta-learning' });
      continue;
    }
    const run = await readRun(path, openStore);
    if (run.best === null) leftOut.push({ run: path, reason: 'no epoch of it was validated' });
    else known.push({ path, run, accuracy: run.best.accuracy });
  }
  const best = known.reduce<(typeof known)[number] | null>(
    (most, one) => (most === null || one.accuracy > most.accuracy ? one : most),
    null,
  );
  const paths: string[] = [];
  for (const one of known) {
    const difference = best && differenceOf(best.run, one.run);
    if (difference === null) paths.push(one.path);
    else leftOut.push({ run: one.path, reason: `it and ${best!.path} have ${difference}` });
  }
  if (best === null) return { paths, leftOut };
  return { paths: [best.path, ...paths.filter((path) => path !== best.path)], leftOut };
}
