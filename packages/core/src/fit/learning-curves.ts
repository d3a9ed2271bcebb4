import type { LineChart } from '../chart/index.ts';
import type { EvaluationEvent } from './events.ts';

/** The part of an evaluation that learning curves show. */
export type CurvePoint = Pick<EvaluationEvent<never>, 'epoch' | 'stage' | 'loss' | 'isBest'> & {
  /** The epoch's means over its steps: `loss` and each metric. */
  readonly training: Readonly<Record<string, number>>;
  /** The evaluation: the metrics of `training` under their names. */
  readonly metrics: Readonly<Record<string, number>>;
};

/**
 * The learning curves of a run, a chart for the loss and one for each metric: in training and validation, by epoch, with
 * the best epoch and the beginnings of stages marked.
 *
 * @example await lineChartsSvg(learningCurves(points))
 */
export function learningCurves(points: readonly CurvePoint[]): LineChart[] {
  const names = Object.keys(points[0]?.training ?? {}).filter((name) => name !== 'loss');
  const marks = marksOf(points);
  const last = names.at(-1) ?? 'loss';
  return ['loss', ...names].map((name) => ({
    title: name === 'loss' ? 'Loss' : name.charAt(0).toUpperCase() + name.slice(1),
    x: { label: 'epoch' },
    y: { label: name === 'loss' ? 'loss, nats' : name, ...(isShare(name) && { format: 'percent' as const }) },
    series: [
      { name: 'training', points: points.map(({ epoch, training }) => [epoch, training[name] ?? Number.NaN] as const) },
      {
        name: 'validation',
        points: points.map(
          ({ epoch, loss, metrics }) => [epoch, name === 'loss' ? loss : (metrics[name] ?? Number.NaN)] as const,
        ),
      },
    ],
    marks,
    ...(name === last && { note: 'training: the mean over the steps of an epoch, each measured before the step' }),
  }));
}

/** Metrics that are shares of examples by their names: accuracy, multilabelAccuracy, top5. */
const isShare = (name: string) => /accuracy$|^top-?\d+$/i.test(name);

function marksOf(points: readonly CurvePoint[]): { at: number; label: string }[] {
  const stages = points.filter(({ stage }, i) => i > 0 && stage !== points[i - 1]!.stage);
  const best = points.findLast(({ isBest }) => isBest);
  return [
    ...stages.map(({ stage, epoch }) => ({ at: epoch, label: stage })),
    ...(best ? [{ at: best.epoch, label: `best, epoch ${best.epoch}` }] : []),
  ];
}
