import { basename, join, resolve } from 'node:path';
import { option } from '@graft-ml/core/internal/base/code';
import { OptionError } from '@graft-ml/core/internal/base/errors';
import { plural } from '@graft-ml/core/internal/base/plural';
import { replaceFile, wrapWriteErrors } from '../../files/write.ts';
import { openRunStore } from '../../runs/run-store.ts';
import { comparePage } from './compare-page.ts';
import { type RunsSummary, type SummariseRunsOptions, summariseRuns } from './runs-summary.ts';

/** The page of a folder of runs, in that folder. */
export const studyPageFile = 'study.html';

/** Options of the page that compares runs. */
export interface WriteComparisonOptions extends SummariseRunsOptions {
  /** The file to write, which is replaced. Default: `study.html` in the folder of the runs, where they have one. */
  readonly out?: string | undefined;
}

/** A page that was written, and what it compares. */
export interface WrittenComparison extends RunsSummary {
  readonly file: string;
  readonly bytes: number;
}

/**
 * Writes what `summariseRuns` says as one HTML file that needs nothing else: the runs in a table that can be sorted,
 * parallel coordinates of their options, their curves, accuracy against time and trained parameters, how important each
 * option is, and intervals over seeds. It takes no longer than reading the records: no image is opened, where
 * `writeStudyReport` evaluates every run.
 *
 * @param places as `summariseRuns` takes them
 * @throws UserError as `summariseRuns`, or where the file cannot be written; OptionError where `out` is missing
 * @example const { file, best } = await writeComparison('runs/study');
 */
export async function writeComparison(
  places: string | readonly string[],
  options: WriteComparisonOptions = {},
): Promise<WrittenComparison> {
  return writeComparisonOf(await summariseRuns(places, options), options);
}

/** The page of what was summarised before. @throws as `writeComparison` */
export async function writeComparisonOf(
  summary: RunsSummary,
  { out, openStore = openRunStore }: WriteComparisonOptions = {},
): Promise<WrittenComparison> {
  const { folder, runs } = summary;
  if (folder === null && out === undefined) {
    throw new OptionError({
      option: 'out',
      expected: 'the file to write, since these runs have no folder in common',
      received: out,
      problem: `: which file? These runs have no folder of their own: name one, ${option('out', 'compare.html')}.`,
    });
  }
  const names = runs.map(({ name }) => name);
  const title =
    folder === null ? (names.length <= 3 ? names.join(', ') : plural(names.length, 'run')) : basename(resolve(folder));
  const content = Buffer.from(await comparePage(title, summary), 'utf8');
  if (out !== undefined) await wrapWriteErrors(out, () => replaceFile(out, content));
  else await openStore(folder!).replace(studyPageFile, content);
  return { file: out ?? join(folder!, studyPageFile), bytes: content.length, ...summary };
}
