import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TrainConfigInput } from '@graft-ml/core/internal/recipe/config/index';
import type { FolderEvent } from 'graft-ml/internal/transfer/folder-events';
import { resumeTraining, trainFolder } from 'graft-ml/internal/transfer/train-folder';
import { expect } from 'vitest';
import { scalarsIn } from './logs.ts';

/** What a small network on small images needs, on one thread, so that two test files can run side by side. */
export const smallRun = { model: 'conv4', epochs: 3, batchSize: 8, learningRate: 0.003, threads: 1 } as const;

/** Trains, or resumes the run that stands in `out`, until the end or until so many steps were taken. */
export async function runFolder(
  folder: string,
  out: string,
  { stopAfter = Number.POSITIVE_INFINITY, ...config }: TrainConfigInput & { stopAfter?: number } = {},
): Promise<FolderEvent[]> {
  const controller = new AbortController();
  const options = { signal: controller.signal };
  const events = existsSync(out)
    ? resumeTraining(out, options)
    : trainFolder(folder, { ...smallRun, ...config }, { ...options, out });
  const seen: FolderEvent[] = [];
  let steps = 0;
  for await (const event of events) {
    seen.push(event);
    if (event.kind === 'step' && ++steps >= stopAfter) controller.abort();
  }
  return seen;
}

/** `metrics.jsonl`, without the times. */
export function metricsOf(out: string): Record<string, unknown>[] {
  const lines = readFileSync(join(out, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
  return lines.map((line) => {
    const { seconds: _, ...event } = JSON.parse(line) as Record<string, unknown>;
    return event;
  });
}

/** Both runs wrote the same checkpoints, byte for byte, and the same log. */
export function expectSameRun(a: string, b: string): void {
  for (const name of ['best.safetensors', 'last.safetensors']) {
    const [left, right] = [a, b].map((out) => readFileSync(join(out, name)));
    expect(left!.equals(right!), `${name} of ${a} and ${b}`).toBe(true);
  }
  expect(metricsOf(a)).toEqual(metricsOf(b));
}

/** The same rows in `metrics.csv` and the same scalars for TensorBoard, without the times. */
export function expectSameLogs(a: string, b: string): void {
  expect(rowsOf(b)).toEqual(rowsOf(a));
  expect(pointsOf(b)).toEqual(pointsOf(a));
}

/** `metrics.csv`, without the times. */
export function rowsOf(out: string): string[] {
  const lines = readFileSync(join(out, 'metrics.csv'), 'utf8').trimEnd().split('\n');
  return lines.map((line) => line.slice(0, line.lastIndexOf(',')));
}

/** The scalars of the one file for TensorBoard, without the times. */
export function pointsOf(out: string): { tag: string; step: number; value: number }[] {
  const files = readdirSync(out).filter((name) => name.includes('tfevents'));
  expect(files).toHaveLength(1);
  return scalarsIn(readFileSync(join(out, files[0]!))).map(({ seconds: _, ...point }) => point);
}
