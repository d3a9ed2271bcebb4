import { lineChartsSvg } from '@graft-ml/core/internal/chart/index';
import { type CurvePoint, learningCurves } from '@graft-ml/core/internal/fit/learning-curves';
import { z } from 'zod';
import { parseJson } from '../files/read.ts';
import type { LogFolder } from './run-logs.ts';

const lineSchema = z.looseObject({
  epoch: z.int(),
  stage: z.string(),
  loss: z.number(),
  isBest: z.boolean(),
  training: z.record(z.string(), z.number()),
});

/**
 * The learning curves of a run as an SVG document, from its `metrics.jsonl`: loss, and each metric, in training and
 * validation by epoch. Lines that cannot be read are left out; null where no epoch is complete.
 *
 * @example const svg = await runCurves(openRunStore('runs/x'));
 */
export async function runCurves(folder: Pick<LogFolder, 'names' | 'read'>): Promise<string | null> {
  if (!(await folder.names()).includes('metrics.jsonl')) return null;
  const text = Buffer.from(await folder.read('metrics.jsonl')).toString('utf8');
  const points = text.split('\n').flatMap(pointOf);
  return points.length === 0 ? null : lineChartsSvg(learningCurves(points), { height: 300 });
}

function pointOf(line: string): CurvePoint[] {
  const { data } = lineSchema.safeParse(parsed(line));
  if (!data) return [];
  const { epoch, stage, loss, isBest, training } = data;
  const metrics = Object.entries(data).flatMap(([name, value]) =>
    name in training && typeof value === 'number' ? [[name, value] as const] : [],
  );
  return [{ epoch, stage, loss, isBest, training, metrics: Object.fromEntries(metrics) }];
}

function parsed(line: string): unknown {
  try {
    return parseJson(line);
  } catch {
    return undefined;
  }
}
