import { plural } from '@graft-ml/core/internal/base/plural';
import { printableName } from '@graft-ml/core/internal/base/printable';
import type { RunsSummary, SummarisedRun, WrittenComparison } from '../../report/index.ts';
import { shownValue } from '../../report/study/differing.ts';
import { commandLine, flagOf, inCommands } from '../../text/wording.ts';
import { fact, percent, table } from './format.ts';
import type { Result } from './printer.ts';
import { placeLine } from './report.ts';

/** The most lines of a table that a terminal lists, and the most options; the page has all. */
const mostLines = 20;
const mostOptions = 5;

/** Runs side by side, the best first. */
export function comparisonResult(written: WrittenComparison): Result {
  const { file, bytes, warnings, runs, best, importance } = written;
  const leading = importance
    .slice(0, 3)
    .map(({ name, importance: share }) => `${flagOf(name).slice(2)} ${percent(share)}`);
  return {
    notes: warnings.map(inCommands),
    lines: [
      ...tableOf(written),
      ...seedLines(written),
      ...(leading.length > 0 ? ['', fact('importance', leading.join(', '))] : []),
      placeLine(file, bytes, 'page'),
      ...(best === null ? [] : [`The best run’s own report: ${reportOf(runs[best]!)}`]),
    ],
    json: jsonOf(written),
  };
}

function reportOf({ path, hasReport }: SummarisedRun): string {
  return hasReport ? printableName(`${path}/report.html`, 300) : commandLine('report', [path]);
}

function tableOf(summary: RunsSummary): string[] {
  const { runs, differences } = summary;
  const order = sorted(summary);
  const options = differences.options.slice(0, mostOptions);
  const rows = order.slice(0, mostLines).map((i) => {
    const { name, validation, test, epochs, seconds, run, fit, status } = runs[i]!;
    return [
      printableName(name, 30),
      validation ? percent(validation.accuracy) : '–',
      ...(hasTest(summary) ? [test ? percent(test.accuracy) : '–'] : []),
      ...options.map((_, j) => printableName(shownValue(differences, i, j) ?? '–', 20)),
      validation && epochs.length > 0 ? `${validation.epoch} of ${epochs.length}` : '–',
      run.parameters.trained.toLocaleString('en'),
      Number.isFinite(seconds.at(-1)) ? `${seconds.at(-1)!.toFixed(1)} s` : '–',
      status === 'done' ? verdicts[fit.verdict] : status,
    ];
  });
  const head = [
    'run',
    'validation',
    ...(hasTest(summary) ? ['test'] : []),
    ...options.map((key) => flagOf(key).slice(2)),
  ];
  const more = order.length - rows.length;
  return [
    table([...head, 'best epoch', 'trained', 'time', 'fit'], rows),
    ...(more > 0 ? [`and ${more} more, in the page`] : []),
  ];
}

const verdicts = { overfitting: 'overfitting', underfitting: 'not finished', good: 'good', unknown: '–' } as const;

const hasTest = ({ runs }: RunsSummary) => runs.some(({ test }) => test !== null);

/** The best first, those without an accuracy last. */
function sorted({ runs }: RunsSummary): number[] {
  const worth = (i: number) => runs[i]!.validation?.accuracy ?? -1;
  const loss = (i: number) => runs[i]!.validation?.loss ?? 0;
  return [...runs.keys()].sort((a, b) => worth(b) - worth(a) || loss(a) - loss(b));
}

function seedLines({ groups }: RunsSummary): string[] {
  if (groups.every(({ runs }) => runs.length === 1)) return [];
  const rows = groups
    .slice(0, mostLines)
    .map(({ name, runs, accuracy: { mean, margin } }) => [
      printableName(name, 60),
      runs.length,
      percent(mean),
      runs.length > 1 ? `± ${percent(margin)}` : '–',
    ]);
  return ['', table([`over seeds (${plural(groups.length, 'way')})`, 'seeds', 'mean', '95 % interval'], rows)];
}

/** The rows with every epoch, as a program reads them. */
function jsonOf(written: WrittenComparison): unknown {
  const { file, bytes, runs, differences, groups, best, front, importance, warnings } = written;
  const nameOf = (i: number) => runs[i]!.name;
  return {
    file,
    bytes,
    best: best === null ? null : nameOf(best),
    runs: sorted(written).map((i) => {
      const { name, path, status, validation, test, fit, run, epochs, seconds } = runs[i]!;
      const options = differences.options.map((key, j) => [key, differences.raw[i]?.[j] ?? null] as const);
      return {
        ...{ name, run: path, kind: run.kind, status, options: Object.fromEntries(options), validation, test },
        seconds: Number.isFinite(seconds.at(-1)) ? seconds.at(-1) : null,
        parameters: run.parameters,
        fit: fit.verdict,
        curve: epochs.map(({ epoch, stage, loss, metrics, training }) => ({
          epoch,
          stage,
          loss,
          ...metrics,
          training,
        })),
      };
    }),
    seeds: groups.map(({ name, runs: own, accuracy }) => ({
      ...{ name, runs: own.map(nameOf), mean: accuracy.mean },
      margin: own.length > 1 ? accuracy.margin : null,
    })),
    front: { seconds: front.seconds.map(nameOf), parameters: front.parameters.map(nameOf) },
    importance,
    warnings,
  };
}
