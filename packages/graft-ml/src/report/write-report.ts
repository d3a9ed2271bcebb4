import { join } from 'node:path';
import { reportFile } from '@graft-ml/core/internal/runs/run-files';
import { replaceFile, wrapWriteErrors } from '../files/write.ts';
import { openRunStore } from '../runs/run-store.ts';
import type { Advice } from './advice.ts';
import type { FitDiagnosis } from './course.ts';
import { gatherFacts, type WriteReportOptions } from './facts.ts';
import { reportPage } from './page.ts';

export type { Advice } from './advice.ts';
export type { FitDiagnosis } from './course.ts';
export type { ReportProgress, WriteReportOptions } from './facts.ts';

/** An accuracy, with the part and the number of images that it is of. */
export interface ReportedAccuracy {
  readonly part: 'train' | 'validation' | 'test' | 'all';
  readonly images: number;
  readonly accuracy: number;
  /** 95 % (Wilson 1927). */
  readonly interval: readonly [low: number, high: number];
}

/** A report that was written, and what it says in short. */
export interface WrittenReport {
  readonly file: string;
  readonly bytes: number;
  /** Of the images that it shows; null where the run has none that it did not learn from. */
  readonly shown: ReportedAccuracy | null;
  /** Of the test part; null where there is none. */
  readonly test: ReportedAccuracy | null;
  readonly fit: FitDiagnosis;
  readonly advice: readonly Advice[];
}

/**
 * Writes the report of a training run as one HTML file that needs nothing else, not even a network: how good the run
 * is, where it is wrong, why, and what to do next. The images of a test part are counted and never shown. Of the
 * validation images thumbnails stand in it, so that it is as confidential as they are.
 *
 * @param run a run of `trainFolder` with a complete epoch
 * @throws UserError where the run or its images cannot be read, or the file cannot be written; the signal's reason
 * @example const { file, advice } = await writeReport('runs/x');
 */
export async function writeReport(run: string, { out, ...options }: WriteReportOptions = {}): Promise<WrittenReport> {
  const facts = await gatherFacts(run, options);
  const { text, advice } = await reportPage(facts);
  const content = Buffer.from(text, 'utf8');
  options.signal?.throwIfAborted();
  if (out === undefined) await (options.openStore ?? openRunStore)(run).replace(reportFile, content);
  else await wrapWriteErrors(out, () => replaceFile(out, content));
  const { shown, test, fit } = facts;
  return {
    file: out ?? join(run, reportFile),
    bytes: content.length,
    shown: shown && accuracyOf(shown.part, shown.metrics),
    test: test && accuracyOf('test', test),
    fit,
    advice,
  };
}

function accuracyOf(
  part: ReportedAccuracy['part'],
  { images, accuracy, interval }: Omit<ReportedAccuracy, 'part'>,
): ReportedAccuracy {
  return { part, images, accuracy, interval };
}
