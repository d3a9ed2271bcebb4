import type { EvaluationMetrics, Reliability } from '@graft-ml/core/evaluate';
import { lineChartText } from '@graft-ml/core/internal/chart/text';
import { percent } from './format.ts';
import { type Line, styled } from './styled.ts';

/** Characters of the bars. */
const barWidth = 40;
/** Above the columns of the reliability diagram. */
const head = `${'said'.padEnd(9)} ${'images'.padStart(8)} ${'mean'.padStart(9)} ${'right'.padStart(9)}`;

/** What is said with how much confidence, and how often it is right: a bar of accuracy, and | where it should end. */
export function reliabilityLines({ bins, error }: Reliability): Line[] {
  const rows = bins
    .filter(({ images }) => images > 0)
    .map(({ low, high, images, accuracy, confidence }): Line => {
      const range = `${low.toFixed(2)}–${high.toFixed(2)}`;
      const [end, mark] = [Math.round(barWidth * accuracy), Math.min(barWidth - 1, Math.round(barWidth * confidence))];
      const bar = Array.from({ length: barWidth }, (_, i) => (i === mark ? '|' : i < end ? '█' : ' '));
      const isSure = confidence > accuracy;
      return [
        `${range} ${String(images).padStart(8)} ${percent(confidence).padStart(9)} ${percent(accuracy).padStart(9)}  `,
        styled(bar.join('').trimEnd(), { text: isSure ? 208 : 33 }),
      ];
    });
  return [
    `Reliability (calibration error ${percent(error)} in ${bins.length} bins; | is where a bar should end)`,
    [styled(head, { dim: true })],
    ...rows,
  ];
}

/** ROC and precision over recall, each class against the rest, their mean. */
export function curveLines({ curves: [mean], macro }: Pick<EvaluationMetrics, 'curves' | 'macro'>): string[] {
  if (!mean || mean.roc.length === 0) return [];
  const size = { width: 60, height: 8 };
  const roc = lineChartText(
    {
      title: `ROC, each class against the rest, mean (area ${macro.rocAuc.toFixed(4)})`,
      x: { label: 'false positive rate' },
      y: { label: 'true positive rate' },
      series: [{ name: 'ROC', points: [[0, 0], ...mean.roc] }],
    },
    size,
  );
  const precision = lineChartText(
    {
      title: `Precision, each class against the rest, mean (AP ${macro.averagePrecision.toFixed(4)})`,
      x: { label: 'recall' },
      y: { label: 'precision' },
      series: [{ name: 'precision', points: mean.precisionRecall }],
    },
    size,
  );
  return [roc, '', precision];
}
