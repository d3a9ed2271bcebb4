import { join } from 'node:path';
import { option } from '@graft-ml/core/internal/base/code';
import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import { reportFile } from '@graft-ml/core/internal/runs/run-files';
import { replaceFile, wrapWriteErrors } from '../../files/write.ts';
import { kindOfRun } from '../../runs/read-run.ts';
import { openRunStore } from '../../runs/run-store.ts';
import { findGiven, type Given } from '../../study/given.ts';
import { gatherFolds } from './folds-study.ts';
import { gatherComparison, gatherMetaRuns } from './meta-study.ts';
import type { StudyOptions } from './options.ts';
import { gatherRuns } from './run-study.ts';
import {
  type FoldNumbers,
  foldNumbers,
  type MetaNumbers,
  metaNumbers,
  type RunNumbers,
  runNumbers,
} from './study-numbers.ts';
import { foldsPage, metaPage, pageName, runsPage } from './study-page.ts';

/** Options of the report of several runs. */
export interface WriteStudyReportOptions extends StudyOptions {
  /** The file to write, which is replaced. Default: `report.html` in the folder of the runs, where they have one. */
  readonly out?: string | undefined;
}

/** A report of several runs that was written, and the numbers in it. */
export type WrittenStudyReport = { readonly file: string; readonly bytes: number } & (
  | RunNumbers
  | FoldNumbers
  | MetaNumbers
);

/**
 * Writes one report of several runs as one HTML file that needs nothing else: the runs side by side, what differs in
 * their options, accuracy with its interval and McNemar's test where they have the same validation images, curves
 * against epochs, time and operations, and the images that all of them get wrong. Of a cross-validation: the mean over
 * folds, and every image out of fold. Of runs that differ in `transferRatio`: accuracy against time and operations for
 * every ratio. Of meta-learners: accuracy on test episodes. The best run is chosen by validation; a test part is measured
 * for that one alone.
 *
 * @param runs the folder of a cross-validation, of `compareLearners` or of runs, or the folders of several runs
 * @throws UserError where a run cannot be read, there is only one, or the file cannot be written; the signal's reason
 * @example const { file, warnings } = await writeStudyReport(['runs/a', 'runs/b'], { out: 'compare.html' });
 */
export async function writeStudyReport(
  runs: string | readonly string[],
  { out, ...options }: WriteStudyReportOptions = {},
): Promise<WrittenStudyReport> {
  const { openStore = openRunStore, signal } = options;
  const given = await findGiven(typeof runs === 'string' ? [runs] : runs, openStore);
  if (given.kind === 'run') {
    throw new UserError(`${given.path} is one run, and a study has several. Its own report is \`writeReport\`’s.`);
  }
  if (given.path === null && out === undefined) {
    throw new OptionError({
      option: 'out',
      expected: 'the file to write, since these runs have no folder in common',
      received: out,
      problem: `: which file? These runs have no folder of their own: name one, ${option('out', 'compare.html')}.`,
    });
  }
  const { text, numbers } = await written(given, options);
  const content = Buffer.from(text, 'utf8');
  signal?.throwIfAborted();
  if (out !== undefined) await wrapWriteErrors(out, () => replaceFile(out, content));
  else await openStore(given.path!).replace(reportFile, content);
  return { file: out ?? join(given.path!, reportFile), bytes: content.length, ...numbers };
}

async function written(given: Exclude<Given, { readonly kind: 'run' }>, options: StudyOptions) {
  if (given.kind === 'comparison') {
    const study = await gatherComparison(given.path, options);
    return { text: await metaPage(pageName(given.path, []), study), numbers: metaNumbers(study) };
  }
  if (given.kind === 'folds') {
    if (given.runs.length === 0) throw new UserError(`${given.path} has no fold yet that was begun.`);
    const study = await gatherFolds(given, options);
    return { text: await foldsPage(pageName(given.path, []), study), numbers: foldNumbers(study) };
  }
  if ((await kindOfAll(given.runs, options)) === 'meta') {
    const study = await gatherMetaRuns(given.runs, options);
    const names = study.learners.map(({ row }) => row.name);
    return { text: await metaPage(pageName(given.path, names), study), numbers: metaNumbers(study) };
  }
  const study = await gatherRuns(given.runs, options);
  const names = study.runs.map(({ name }) => name);
  return { text: await runsPage(pageName(given.path, names), study), numbers: runNumbers(study) };
}

/** @throws UserError where runs of both kinds stand side by side */
async function kindOfAll(runs: readonly string[], { openStore }: StudyOptions): Promise<'train' | 'meta'> {
  const kinds = await Promise.all(runs.map((run) => kindOfRun(run, openStore)));
  const other = kinds.findIndex((kind) => kind !== kinds[0]);
  if (other === -1) return kinds[0]!;
  const [meta, ordinary] = kinds[0] === 'meta' ? [runs[0], runs[other]] : [runs[other], runs[0]];
  throw new UserError(
    `${meta} is a run of meta-learning, measured on episodes, and ${ordinary} one of ordinary training, measured on ` +
      'images: their accuracies cannot be compared. Name runs of one kind.',
  );
}
