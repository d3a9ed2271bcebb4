import type { EvaluationMetrics } from '@graft-ml/core/evaluate';
import { type ConfusionTextOptions, confusionTable } from '@graft-ml/core/internal/evaluate/confusion-text';
import { type Line, type Style, styled } from './styled.ts';

/** The confusion matrix in characters. Hits are blue and errors orange, darker the larger their share of the row. */
export function confusionLines(
  metrics: Pick<EvaluationMetrics, 'classes' | 'confusion' | 'confusionByRow'>,
  options: ConfusionTextOptions,
): Line[] {
  const { title, head, rows } = confusionTable(metrics, options);
  const isWhole = rows.length === metrics.classes.length;
  return [
    isWhole ? title : title.replace(/\)$/, ', all with --json)'),
    [styled(head, { dim: true })],
    ...rows.map(
      ({ name, cells }): Line => [
        name,
        ...cells.map(({ text, share, isHit }) => styled(text, cellStyle(share, isHit))),
      ],
    ),
  ];
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
