import { printableName } from '@graft-ml/core/internal/base/printable';
import type { LineChart } from '@graft-ml/core/internal/chart/index';
import type { EpisodeShape } from '@graft-ml/core/internal/meta/episode';
import type { EpisodeInterval } from '@graft-ml/core/internal/meta/statistics';

/** The result of one learner, on the same episodes as the others. */
export interface ComparisonRow {
  readonly name: string;
  readonly learner: string;
  readonly model: string;
  readonly parameters: number;
  /** Test episodes. */
  readonly episodes: number;
  /** Accuracy on test classes, after the last inner step. */
  readonly accuracy: EpisodeInterval;
  readonly perStep: readonly { readonly steps: number; readonly accuracy: EpisodeInterval }[];
  /** The best on validation classes. */
  readonly validation: number;
  /** The duration of training, validations included. */
  readonly seconds: number;
  /** Validation accuracy by meta-steps. */
  readonly curve: readonly (readonly [step: number, accuracy: number])[];
}

export interface Comparison {
  readonly shape: EpisodeShape;
  readonly episodes: number;
  readonly rows: readonly ComparisonRow[];
}

const number = (share: number) => (100 * share).toFixed(2);

/** `95.30 ± 0.41 %` */
export function formatInterval({ mean, margin }: EpisodeInterval): string {
  return `${number(mean)} ± ${number(margin)} %`;
}

/** The table's head and its cells: the accuracy before and after the inner loop, with its 95 % interval. */
export function comparisonCells({ rows }: Comparison): { head: string[]; rows: string[][] } {
  return {
    head: ['learner', 'backbone', 'parameters', 'test accuracy', 'before adaptation', 'validation', 'minutes'],
    rows: rows.map(({ name, model, parameters, accuracy, perStep, validation, seconds }) => [
      name,
      model,
      parameters.toLocaleString('en'),
      formatInterval(accuracy),
      perStep.length > 1 ? `${number(perStep[0]!.accuracy.mean)} %` : '–',
      `${number(validation)} %`,
      (seconds / 60).toFixed(1),
    ]),
  };
}

/** The table in Markdown. */
export function comparisonMarkdown(comparison: Comparison): string {
  const { shape, episodes } = comparison;
  const { head, rows } = comparisonCells(comparison);
  const plain = (cell: string) => printableName(cell).replaceAll('|', '\\|');
  const line = (cells: readonly string[]) => `| ${cells.map(plain).join(' | ')} |`;
  const title =
    `${shape.way}-way ${shape.shots}-shot, ${shape.queries} queries of each class: mean over ${episodes} episodes of ` +
    'test classes ± 95 % interval. All learners saw the same episodes.';
  return `${title}\n\n${[line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')}\n`;
}

/** Validation accuracy against meta-steps. */
export function comparisonChart({ rows, shape }: Comparison): LineChart {
  return {
    title: `Validation accuracy, ${shape.way}-way ${shape.shots}-shot`,
    x: { label: 'meta-steps' },
    y: { label: 'accuracy', format: 'percent' },
    series: rows.filter(({ curve }) => curve.length > 1).map(({ name, curve }) => ({ name, points: curve })),
  };
}
