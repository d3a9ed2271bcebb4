import { hostname } from 'node:os';
import { csv, jsonLines, type LogFormat, tensorBoard } from '@graft-ml/core/internal/fit/loggers/index';
import type { LogName } from '@graft-ml/core/internal/fit/loggers/names';

const formats: Readonly<Record<LogName, () => LogFormat>> = {
  jsonl: () => jsonLines,
  csv: () => csv,
  tensorboard: () => tensorBoard(hostname()),
};

/** The logs of a run: `metrics.jsonl`, and what `log` names besides. */
export function runLogs(log: readonly LogName[] | null): LogFormat[] {
  const names = new Set<LogName>(['jsonl', ...(log ?? [])]);
  return [...names].map((name) => formats[name]());
}

/** Whether a file of a run folder is a log. */
export function isRunLog(name: string): boolean {
  return Object.values(formats).some((format) => format().isLog(name));
}
