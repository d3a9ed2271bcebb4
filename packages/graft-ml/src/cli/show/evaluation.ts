import type { ConfusionTextOptions, EvaluationMetrics, Interval } from '@graft-ml/core/evaluate';
import { plural } from '@graft-ml/core/internal/base/plural';
import { printableName } from '@graft-ml/core/internal/base/printable';
import { formatProblems } from '@graft-ml/core/internal/image/problem';
import type { FolderEvaluation } from '../../evaluate/evaluate-folder.ts';
import { confusionLines } from './confusion.ts';
import { curveLines, reliabilityLines } from './evaluation-curves.ts';
import { fact, percent, table } from './format.ts';
import type { Result } from './printer.ts';

/** Confusions that are shown: the most frequent ones. */
const shownConfusions = 8;
/** Of more classes than these, the table has the ones with the lowest F₁. */
const mostRows = 40;

export interface EvaluationView extends ConfusionTextOptions {
  /** Whether the curves are drawn. */
  readonly curves: boolean;
  /** The contact sheet of the worst mistakes, and the images on it; null where none was asked for. */
  readonly sheet: { readonly path: string; readonly images: number } | null;
}

/** The result of an evaluation. */
export function evaluationResult(result: FolderEvaluation, view: EvaluationView): Result {
  const { images, seen, problems, predictions, temperature } = result;
  const notes = [
    ...(problems.length > 0 ? [formatProblems(problems)] : []),
    ...result.notes,
    ...(seen.isComplete ? [] : ['The run does not record all that it was made of: it may know some of these images.']),
  ];
  const lines = [
    `${plural(images, 'image')}${whichPart(result)}${knownImages(seen)}`,
    ...summary(result),
    ...(temperature === 1 ? [] : [fact('temperature', `${temperature.toFixed(3)}  (the run is calibrated)`)]),
    '',
    ...classTable(result),
    '',
    ...confusionLines(result, view),
    ...confusions(result),
    ...(view.curves ? ['', ...reliabilityLines(result.calibration), '', ...curveLines(result)] : []),
    ...(predictions === null ? [] : [`\nThe prediction of each image is in ${predictions}.`]),
    ...sheetLines(view),
  ];
  return { notes, lines, json: view.sheet === null ? result : { ...result, sheet: view.sheet } };
}

function sheetLines({ sheet }: EvaluationView): string[] {
  if (sheet === null) return [];
  if (sheet.images === 0) return ['\nNo image is classified wrongly: there is nothing to draw.'];
  return [`\nClassified wrongly, the largest loss first: ${plural(sheet.images, 'image')} in ${sheet.path}.`];
}

function whichPart({ part, sameDataset, seen }: FolderEvaluation): string {
  const isUnseen = sameDataset && part === 'validation' && seen.isComplete && seen.leftOut >= seen.fitted;
  return part === 'all' ? '' : ` (${part}${isUnseen ? ': the run has not trained on these' : ''})`;
}

/** The numbers of all classes together, a line each. */
export function summary(metrics: EvaluationMetrics): string[] {
  const { accuracy, correct, interval, topK, balancedAccuracy, loss, macro, weighted, calibration, ranking } = metrics;
  const { intervals } = metrics;
  const within = (range: Interval | null | undefined, format: (value: number) => string, more = '') => {
    const parts = [range ? `${format(range[0])} to ${format(range[1])}` : '', more].filter((text) => text !== '');
    return parts.length > 0 ? `  (${parts.join('; ')})` : '';
  };
  const area = (value: number) => (Number.isNaN(value) ? '–' : value.toFixed(4));
  const error = ranking.method === 'exact' ? '' : `in bins, off by at most ${ranking.error.toExponential(1)}`;
  const range = `95 % interval ${percent(interval[0])} to ${percent(interval[1])}`;
  const sureness = calibration.overconfidence > 0 ? 'too sure' : 'not sure enough';
  const gap = `${sureness} by ${percent(Math.abs(calibration.overconfidence))}`;
  return [
    fact('accuracy', `${percent(accuracy)}  (${correct} correct; ${range})`),
    ...topK.map((top) => fact(`top ${top.k}`, percent(top.accuracy))),
    fact('balanced accuracy', `${percent(balancedAccuracy)}${within(intervals?.balancedAccuracy, percent)}`),
    fact('F1 (macro)', `${percent(macro.f1)}${within(intervals?.f1, percent, `weighted ${percent(weighted.f1)}`)}`),
    fact('loss', `${loss.toFixed(4)}${within(intervals?.loss, (value) => value.toFixed(4))}`),
    fact('ROC-AUC (macro)', `${area(macro.rocAuc)}${within(intervals?.rocAuc, area, error)}`),
    fact('average precision', `${area(macro.averagePrecision)}${within(intervals?.averagePrecision, area, error)}`),
    fact('calibration error', `${percent(calibration.error)}  (${gap})`),
    ...(intervals ? [fact('', `95 % intervals: Wilson’s, else ${intervals.replicates} bootstrap replicates`)] : []),
  ];
}

function classTable({ classes }: EvaluationMetrics): string[] {
  const worst = [...classes].sort((a, b) => a.f1 - b.f1 || Number(Number.isNaN(a.f1)) - Number(Number.isNaN(b.f1)));
  const shown = classes.length > mostRows ? worst.slice(0, mostRows) : classes;
  const rows = shown.map(({ name, support, precision, recall, f1, rocAuc, averagePrecision }) => [
    printableName(name, 22),
    support,
    percent(precision),
    percent(recall),
    percent(f1),
    Number.isNaN(rocAuc) ? '–' : rocAuc.toFixed(3),
    Number.isNaN(averagePrecision) ? '–' : averagePrecision.toFixed(3),
  ]);
  const left = classes.length - shown.length;
  return [
    table(['class', 'images', 'precision', 'recall', 'F1', 'ROC-AUC', 'AP'], rows),
    ...(left > 0 ? [`The ${shown.length} classes with the lowest F1 of ${classes.length}; all with --json.`] : []),
  ];
}

/** The most frequent confusions of classes; none where there are none. */
function confusions({ classes, confusion }: EvaluationMetrics): string[] {
  const counts = confusion.flatMap((row, label) => row.map((count, taken) => ({ label, taken, count })));
  const rows = counts
    .filter(({ label, taken, count }) => label !== taken && count > 0)
    .sort((a, b) => b.count - a.count)
    .slice(0, shownConfusions)
    .map(({ label, taken, count }) => [
      count,
      printableName(classes[label]!.name, 30),
      printableName(classes[taken]!.name, 30),
    ]);
  return rows.length === 0 ? [] : [`\nMost confused\n${table(['images', 'of', 'taken for'], rows)}`];
}

/** A note on the images that the run has seen, and whether they count. */
function knownImages({ fitted, chosen, leftOut }: FolderEvaluation['seen']): string {
  const known = [
    { text: `${fitted} that the run was fitted to`, count: fitted, isOut: leftOut >= fitted },
    { text: `${chosen} that it was chosen by`, count: chosen, isOut: leftOut === fitted + chosen },
  ].filter(({ count }) => count > 0);
  const list = (word: string, isOut: boolean) => {
    const some = known.filter((one) => one.isOut === isOut).map(({ text }) => text);
    return some.length > 0 ? `, ${word} ${some.join(' and ')}` : '';
  };
  return `${list('without', true)}${list('among them', false)}`;
}
