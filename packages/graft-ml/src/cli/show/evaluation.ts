import { formatProblems } from '@graft-ml/core/internal/image/problem';
import type { FolderEvaluation } from '../../predict/evaluate-folder.ts';
import { percent, table } from './format.ts';
import type { Result } from './printer.ts';

/** Confusions that are shown: the most frequent ones. */
const shownConfusions = 8;

/** The result of an evaluation. */
export function evaluationResult(result: FolderEvaluation): Result {
  const { images, correct, accuracy, interval, top5, loss, part, sameDataset, seen, problems } = result;
  const isOwn = sameDataset && part === 'validation';
  const isUnseen = isOwn && seen.isComplete && seen.leftOut >= seen.fitted;
  const which = part === 'all' ? '' : ` (${part}${isUnseen ? ': the run has not trained on these' : ''})`;
  const range = `95 % interval ${percent(interval[0])} to ${percent(interval[1])}`;
  const notes = [
    ...(problems.length > 0 ? [formatProblems(problems)] : []),
    ...(seen.isComplete ? [] : ['The run does not record all that it was made of: it may know some of these images.']),
  ];
  const lines = [
    `${images} images${which}${knownImages(seen)}`,
    `accuracy ${percent(accuracy)}  (${correct} correct; ${range})`,
    ...(top5 === null ? [] : [`top 5    ${percent(top5)}`]),
    `loss     ${loss.toFixed(4)}\n`,
    classTable(result),
    ...confusions(result),
  ];
  return { notes, lines, json: result };
}

function classTable({ classes }: FolderEvaluation): string {
  const rows = classes.map(({ name, support, precision, recall }) => [
    name,
    support,
    percent(precision),
    percent(recall),
  ]);
  return table(['class', 'images', 'precision', 'recall'], rows);
}

/** The most frequent confusions of classes; none where there are none. */
function confusions({ classes, confusion }: FolderEvaluation): string[] {
  const counts = confusion.flatMap((row, label) => row.map((count, taken) => ({ label, taken, count })));
  const rows = counts
    .filter(({ label, taken, count }) => label !== taken && count > 0)
    .sort((a, b) => b.count - a.count)
    .slice(0, shownConfusions)
    .map(({ label, taken, count }) => [count, classes[label]!.name, classes[taken]!.name]);
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
