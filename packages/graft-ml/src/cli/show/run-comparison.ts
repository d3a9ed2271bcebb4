import { plural } from '@graft-ml/core/internal/base/plural';
import { printableName } from '@graft-ml/core/internal/base/printable';
import { formatProblems } from '@graft-ml/core/internal/image/problem';
import type { ComparedRun, RunComparison } from '../../evaluate/compare-runs.ts';
import { confusionLines } from './confusion.ts';
import type { EvaluationView } from './evaluation.ts';
import { curveLines, reliabilityLines } from './evaluation-curves.ts';
import { percent, table } from './format.ts';
import type { Result } from './printer.ts';
import type { Line } from './styled.ts';

/** Images that are listed as answered differently. */
const shownDifferences = 20;

/** The result of comparing two runs. */
export function runComparisonResult(result: RunComparison, view: EvaluationView): Result {
  const { part, images, leftOut, first, second, mcnemar, bothCorrect, bothWrong, isComplete, problems } = result;
  const notes = [
    ...(problems.length > 0 ? [formatProblems(problems)] : []),
    ...result.notes,
    ...(isComplete ? [] : ['Not all is recorded that the runs were made of: they may know some of these images.']),
  ];
  const known = leftOut === 0 ? '' : `, without ${leftOut} that one of the runs knows`;
  const lines: Line[] = [
    `${plural(images, 'image')} (${part})${known}\n`,
    table(['run', 'accuracy', 'balanced', 'F1', 'loss', 'calibration error'], [first, second].map(rowOf)),
    '',
    `Right: both ${bothCorrect}, only the first ${mcnemar.onlyFirst}, only the second ${mcnemar.onlySecond}, neither ${bothWrong}.`,
    verdict(result),
    ...advice(result),
    ...differences(result),
    ...[first, second].flatMap((one) => viewOf(one, view)),
    ...sheetLines(view),
  ];
  return { notes, lines, json: view.sheet === null ? result : { ...result, sheet: view.sheet } };
}

/** The confusion matrix and the curves of one of them, where they are asked for. */
function viewOf({ run, evaluation }: ComparedRun, view: EvaluationView): Line[] {
  if (!view.curves && !view.byRow) return [];
  return [
    `\n${printableName(run, 60)}`,
    ...(view.byRow ? ['', ...confusionLines(evaluation, view)] : []),
    ...(view.curves ? ['', ...reliabilityLines(evaluation.calibration), '', ...curveLines(evaluation)] : []),
  ];
}

function sheetLines({ sheet }: EvaluationView): string[] {
  if (sheet === null) return [];
  if (sheet.images === 0) return ['\nNo image is answered differently: there is nothing to draw.'];
  return [`\nThe ${plural(sheet.images, 'image')} that they answer most differently are in ${sheet.path}.`];
}

function rowOf({ run, evaluation }: ComparedRun): string[] {
  const { accuracy, balancedAccuracy, macro, loss, calibration } = evaluation;
  const shares = [accuracy, balancedAccuracy, macro.f1].map(percent);
  return [printableName(run, 30), ...shares, loss.toFixed(4), percent(calibration.error)];
}

function verdict({ difference, interval, mcnemar: { pValue } }: RunComparison): string {
  const points = (value: number) => `${value > 0 ? '+' : ''}${(100 * value).toFixed(1)}`;
  const range = `95 % interval ${points(interval[0])} to ${points(interval[1])}`;
  const p = pValue < 0.001 ? 'p < 0.001' : `p = ${pValue.toFixed(3)}`;
  const better =
    difference > 0 ? 'the second is better on images like these' : 'the first is better on images like these';
  return (
    `Accuracy, second minus first: ${points(difference)} points (${range}).\n` +
    `McNemar’s exact test: ${p}; ${pValue < 0.05 ? better : 'the difference may be chance'}.`
  );
}

/** Whoever compares may be about to choose. */
function advice({ part }: RunComparison): string[] {
  if (part !== 'test') return [];
  return ['These are images of a test part. Choose on validation images, and leave these to measure what was chosen.'];
}

function differences({ differing, differences: images }: RunComparison): string[] {
  if (differing === 0) return ['They answer all images alike.'];
  const answer = ({ name, probability }: { readonly name: string; readonly probability: number }) =>
    `${printableName(name, 14)} ${percent(probability)}`;
  const rows = images
    .slice(0, shownDifferences)
    .map(({ path, label, first, second }) => [endOf(path), printableName(label, 14), answer(first), answer(second)]);
  const more = differing > rows.length ? `, the first ${rows.length}; more with --json` : '';
  return [
    `\nImages that they answer differently (${differing}${more})`,
    table(['image', 'label', 'first', 'second'], rows),
  ];
}

/** The end of a path, which tells images apart. */
function endOf(path: string): string {
  const safe = printableName(path, 400);
  return safe.length <= 28 ? safe : `…${safe.slice(-27)}`;
}
