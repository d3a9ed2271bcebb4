import { printableName } from '@graft-ml/core/internal/base/printable';
import type { EvaluationMetrics } from '@graft-ml/core/predict';
import { type Line, type Style, styled } from './styled.ts';

/** Characters of a class's name, and of a line in all where it is not the terminal that says. */
const nameWidth = 20;
const usualWidth = 80;

export interface ConfusionOptions {
  /** Shares of each row in percent, in place of counts. */
  readonly byRow: boolean;
  /** In characters. Default 80. */
  readonly width?: number | undefined;
}

/**
 * The confusion matrix in characters: a row for each class, a column for each answer, both numbered. Of more classes than
 * fit, those that are confused most. Hits are blue and errors orange, darker the larger their share of the row.
 */
export function confusionLines(
  { classes, confusion, confusionByRow }: Pick<EvaluationMetrics, 'classes' | 'confusion' | 'confusionByRow'>,
  { byRow, width = usualWidth }: ConfusionOptions,
): Line[] {
  const largest = byRow ? 100 : Math.max(...confusion.flat());
  const cell = Math.max(String(largest).length, String(classes.length).length) + 2;
  const numberWidth = String(classes.length).length;
  const margin = numberWidth + 1 + nameWidth;
  const shown = mostConfused(confusion, Math.max(2, Math.floor((width - margin) / cell)));
  const head = ['true \\ predicted'.padEnd(margin), ...shown.map((i) => `${String(i + 1).padStart(cell - 1)} `)];
  const rows = shown.map((label): Line => {
    const name = printableName(classes[label]!.name, nameWidth).padEnd(nameWidth);
    return [
      `${String(label + 1).padStart(numberWidth)} ${name}`,
      ...shown.map((taken) => {
        const share = confusionByRow[label]![taken]!;
        const count = confusion[label]![taken]!;
        const text = count === 0 ? '·' : String(byRow ? Math.round(100 * share) : count);
        return styled(`${text.padStart(cell - 1)} `, cellStyle(share, label === taken));
      }),
    ];
  });
  const unit = byRow ? 'percent of each row' : 'images';
  const left = classes.length - shown.length;
  const which =
    left === 0 ? '' : `; the ${shown.length} classes with most errors of ${classes.length}, all with --json`;
  return [`Confusion matrix (${unit}${which})`, [styled(head.join(''), { dim: true })], ...rows];
}

/** The classes with most errors, as many as fit, in their order; all where they do. */
function mostConfused(confusion: EvaluationMetrics['confusion'], most: number): number[] {
  const errors = confusion.map((row, label) => {
    const others = (values: readonly number[]) => values.reduce((sum, count, i) => sum + (i === label ? 0 : count), 0);
    return { label, count: others(row) + others(confusion.map((other) => other[label]!)) };
  });
  return errors
    .sort((a, b) => b.count - a.count || a.label - b.label)
    .slice(0, most)
    .map(({ label }) => label)
    .sort((a, b) => a - b);
}

/** Blue and orange are told apart with any colour vision; each with a text colour that is read on it. */
const hits: readonly Style[] = [
  { background: 153, text: 16 },
  { background: 75, text: 16 },
  { background: 26, text: 231 },
  { background: 18, text: 231 },
];
const errors: readonly Style[] = [
  { background: 230, text: 16 },
  { background: 222, text: 16 },
  { background: 215, text: 16 },
  { background: 202, text: 16 },
];

function cellStyle(share: number, isHit: boolean): Style {
  if (!(share > 0)) return { dim: true };
  if (isHit) return hits[Math.min(3, Math.floor(4 * share))]!;
  return errors[[0.05, 0.15, 0.3].filter((limit) => share >= limit).length]!;
}
