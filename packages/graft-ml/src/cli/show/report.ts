import { plural } from '@graft-ml/core/internal/base/plural';
import type { ReportedAccuracy, WrittenMetaReport, WrittenReport } from '../../report/index.ts';
import { fact, percent } from './format.ts';
import type { Result } from './printer.ts';

/** A report that was written. */
export function reportResult(written: WrittenReport): Result {
  const { file, bytes, shown, test, fit, advice } = written;
  const accuracy = ({ part, images, accuracy: share, interval: [low, high] }: ReportedAccuracy) =>
    fact(part, `${percent(share)} of ${plural(images, 'image')}  (95 % interval ${percent(low)} to ${percent(high)})`);
  const lines = [
    ...(shown ? [accuracy(shown)] : []),
    ...(test ? [accuracy(test)] : []),
    fact('fit', fit.text),
    ...advice.slice(0, 3).map(({ title, command }) => fact('next', command === null ? title : `${title}: ${command}`)),
    placeLine(file, bytes),
  ];
  return { lines, json: written };
}

/** A report of a meta-learned run that was written. */
export function metaReportResult({ file, bytes, test }: WrittenMetaReport): Result {
  const { accuracy, episodes, of } = test;
  const lines = [
    fact(of, `${percent(accuracy.mean)} ± ${percent(accuracy.margin)} over ${plural(episodes, 'episode')}`),
    placeLine(file, bytes),
  ];
  return { notes: test.notes, lines, json: { file, bytes, test } };
}

/** Where a report or another page is, and how large. */
export function placeLine(file: string, bytes: number, what = 'report'): string {
  const size = bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} KB` : `${(bytes / 1e6).toFixed(1)} MB`;
  return `\nThe ${what} is in ${file} (${size}): open it in a browser.`;
}
