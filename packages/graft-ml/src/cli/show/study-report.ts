import { plural } from '@graft-ml/core/internal/base/plural';
import { printableName } from '@graft-ml/core/internal/base/printable';
import type { ComparedRunNumbers, RunNumbers, WrittenStudyReport } from '../../report/index.ts';
import { inCommands } from '../../text/wording.ts';
import { fact, percent, table } from './format.ts';
import type { Result } from './printer.ts';
import { placeLine } from './report.ts';

/** Runs that the terminal lists; the page has all. */
const mostLines = 20;

/** A report of several runs that was written. */
export function studyReportResult(written: WrittenStudyReport): Result {
  const { file, bytes, warnings } = written;
  return {
    notes: warnings.map(inCommands),
    lines: [...linesOf(written), placeLine(file, bytes)],
    json: written,
  };
}

function linesOf(written: WrittenStudyReport): string[] {
  switch (written.kind) {
    case 'runs':
      return runLines(written);
    case 'folds': {
      const { summary, outOfFold } = written;
      return [
        ...(summary
          ? [
              fact(
                'folds',
                `${percent(summary.accuracy.mean)} ± ${percent(summary.accuracy.margin)}, the mean of ${summary.folds.length} and its 95 % interval`,
              ),
            ]
          : []),
        ...(outOfFold
          ? [
              fact(
                'out of fold',
                `${percent(outOfFold.accuracy)} of ${plural(outOfFold.images, 'image')}  (95 % interval ${rangeText(outOfFold.interval)})`,
              ),
            ]
          : []),
      ];
    }
    case 'meta': {
      const rows = written.runs
        .toSorted((a, b) => b.validation - a.validation)
        .map(({ name, validation, test }) => [
          printableName(name, 30),
          percent(validation),
          `${percent(test.mean)} ± ${percent(test.margin)}`,
        ]);
      return [table(['run', 'validation', `accuracy on ${written.episodes} test episodes`], rows)];
    }
  }
}

function runLines({ runs, best, test }: RunNumbers): string[] {
  const accuracyOf = ({ evaluated, recorded }: ComparedRunNumbers) =>
    evaluated?.accuracy ?? recorded?.accuracy ?? Number.NaN;
  const sorted = runs.toSorted((a, b) => (accuracyOf(b) || 0) - (accuracyOf(a) || 0));
  const rows = sorted
    .slice(0, mostLines)
    .map((run) => [
      printableName(run.name, 30),
      Number.isFinite(accuracyOf(run)) ? percent(accuracyOf(run)) : '–',
      run.evaluated ? `${rangeText(run.evaluated.interval)}` : 'as recorded',
      run.parameters.trained.toLocaleString('en'),
      run.seconds === null ? '–' : `${run.seconds.toFixed(1)} s`,
    ]);
  return [
    table(['run', 'validation', '95 % interval', 'trained', 'time'], rows),
    ...(runs.length > rows.length ? [`and ${runs.length - rows.length} more, in the report`] : []),
    ...(best
      ? [
          `\n${printableName(best.first, 30)} against ${printableName(best.second, 30)} on ${plural(best.images, 'image')}: ` +
            `McNemar’s exact test p = ${best.pValue.toFixed(3)} (only one is right: ${best.onlyFirst} and ${best.onlySecond})`,
        ]
      : []),
    ...(test
      ? [
          `${printableName(test.name, 30)}, chosen by validation: ${percent(test.accuracy)} of ${plural(test.images, 'test image')}`,
        ]
      : []),
  ];
}

const rangeText = ([low, high]: readonly [number, number]) => `${percent(low)} to ${percent(high)}`;
