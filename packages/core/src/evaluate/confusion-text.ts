import { printableName } from '../base/printable.ts';
import type { EvaluationMetrics } from './evaluation.ts';

/** Characters of a class's name, and of a line in all where nothing else is asked for. */
const nameWidth = 20;
const usualWidth = 80;

export interface ConfusionTextOptions {
  /** Shares of each row in percent, in place of counts. Default false. */
  readonly byRow?: boolean | undefined;
  /** The most characters of a line. Default 80. */
  readonly width?: number | undefined;
}

/** A confusion matrix laid out in characters. */
export interface ConfusionTable {
  readonly title: string;
  readonly head: string;
  readonly rows: readonly { readonly name: string; readonly cells: readonly ConfusionCell[] }[];
}

interface ConfusionCell {
  readonly text: string;
  /** The share of the row, in [0, 1]; NaN in the row of a class without images. */
  readonly share: number;
  readonly isHit: boolean;
}

/**
 * The confusion matrix in characters, a line for the title, one for the head and one for each class: rows are true
 * classes, columns predicted ones. Columns are named where all names fit, else classes are numbered. Of more classes
 * than fit, those that are confused most.
 *
 * @example console.log(confusionMatrixText(await evaluateFolder('runs/x', 'photos/')));
 */
export function confusionMatrixText(
  metrics: Pick<EvaluationMetrics, 'classes' | 'confusion' | 'confusionByRow'>,
  options: ConfusionTextOptions = {},
): string {
  const { title, head, rows } = confusionTable(metrics, options);
  const lines = rows.map(({ name, cells }) => name + cells.map(({ text }) => text).join(''));
  return [title, head, ...lines].map((line) => line.trimEnd()).join('\n');
}

/** The same with its cells apart, to be coloured. */
export function confusionTable(
  { classes, confusion, confusionByRow }: Pick<EvaluationMetrics, 'classes' | 'confusion' | 'confusionByRow'>,
  { byRow = false, width = usualWidth }: ConfusionTextOptions,
): ConfusionTable {
  const largest = byRow ? 100 : Math.max(...confusion.flat());
  const numberWidth = String(classes.length).length;
  const cell = Math.max(String(largest).length, numberWidth) + 2;
  const names = classes.map(({ name }) => printableName(name, nameWidth));
  const isNamed = names.every((name) => name.length < cell);
  const number = (label: number) => String(label + 1);
  const margin = numberWidth + 1 + nameWidth;
  const shown = mostConfused(confusion, Math.max(2, Math.floor((width - margin) / cell)));
  const inCell = (text: string) => `${text.padStart(cell - 1)} `;
  const rows = shown.map((label) => ({
    name: (isNamed ? names[label]! : `${number(label).padStart(numberWidth)} ${names[label]!}`).padEnd(margin),
    cells: shown.map((taken) => {
      const share = confusionByRow[label]![taken]!;
      const count = confusion[label]![taken]!;
      const text = count === 0 ? '·' : String(byRow ? Math.round(100 * share) : count);
      return { text: inCell(text), share, isHit: label === taken };
    }),
  }));
  const unit = byRow ? 'percent of each row' : 'images';
  const left = classes.length - shown.length;
  const which = left === 0 ? '' : `; the ${shown.length} of ${classes.length} classes with most errors`;
  const heads = shown.map((label) => inCell(isNamed ? names[label]! : number(label)));
  return {
    title: `Confusion matrix (${unit}${which})`,
    head: `${'true \\ predicted'.padEnd(margin)}${heads.join('')}`,
    rows,
  };
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
