import * as z from 'zod';
import { parseShallow } from '../base/shallow-json.ts';
import { lineChartsSvg } from '../chart/index.ts';
import { type CurvePoint, learningCurves } from '../fit/learning-curves.ts';
import type { LogFolder } from '../fit/loggers/file-logger.ts';

const lineSchema = z.looseObject({
  epoch: z.int(),
  stage: z.string(),
  loss: z.number(),
  isBest: z.boolean(),
  training: z.record(z.string(), z.number()),
  learningRate: z.number().default(Number.NaN),
  seconds: z.number().default(Number.NaN),
});

/** An epoch of a run as its log has it. */
export interface LoggedEpoch extends CurvePoint {
  /** The learning rate of the last step, before the factors of single parameters; NaN where it was not logged. */
  readonly learningRate: number;
  /** The time that it took; NaN where it was not logged. */
  readonly seconds: number;
}

/**
 * The learning curves of a run as an SVG document, from its `metrics.jsonl`: loss, and each metric, in training and
 * validation by epoch. Lines that cannot be read are left out; null where no epoch is complete.
 *
 * @example const svg = await runCurves(openRunStore('runs/x'));
 */
export async function runCurves(folder: LoggedRun): Promise<string | null> {
  const points = await loggedEpochs(folder);
  return points.length === 0 ? null : lineChartsSvg(learningCurves(points), { height: 300 });
}

/** A run whose log can be read, up to a number of bytes. */
export interface LoggedRun extends Pick<LogFolder, 'names'> {
  /** @throws UserError (by rejection) where the file is longer than `most` bytes */
  read(name: string, most: number): Promise<Uint8Array>;
}

/** The most bytes of a log: of 10,000 epochs and more. */
const longestLog = 16e6;

/**
 * The epochs in the `metrics.jsonl` of a run; none where it has no such file. Lines that cannot be read are left out.
 *
 * @throws UserError where the file is longer than 16 MB
 */
export async function loggedEpochs(folder: LoggedRun): Promise<LoggedEpoch[]> {
  if (!(await folder.names()).includes('metrics.jsonl')) return [];
  const text = new TextDecoder().decode(await folder.read('metrics.jsonl', longestLog));
  return text.split('\n').flatMap(epochOf);
}

function epochOf(line: string): LoggedEpoch[] {
  const { data } = lineSchema.safeParse(parseShallow(line, 32));
  if (!data) return [];
  const { epoch, stage, loss, isBest, training, learningRate, seconds } = data;
  const metrics = Object.entries(data).flatMap(([name, value]) =>
    name in training && typeof value === 'number' ? [[name, value] as const] : [],
  );
  return [{ epoch, stage, loss, isBest, training, learningRate, seconds, metrics: Object.fromEntries(metrics) }];
}
