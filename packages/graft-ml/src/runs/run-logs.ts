import { hostname } from 'node:os';
import { fileLogger, type LogFolder } from '@graft-ml/core/internal/fit/loggers/file-logger';
import { csv, jsonLines, type LogFormat, type Logger, tensorBoard } from '@graft-ml/core/internal/fit/loggers/index';
import type { LogName } from '@graft-ml/core/internal/fit/loggers/names';

const formats: Readonly<Record<LogName, () => LogFormat>> = {
  jsonl: () => jsonLines,
  csv: () => csv,
  tensorboard: () => tensorBoard(hostname()),
};

/** The logs of a run: `metrics.jsonl`, and those that `log` names besides. */
export function runLogs(folder: LogFolder, log: readonly LogName[] | null): Logger[] {
  const names = new Set<LogName>(['jsonl', ...(log ?? [])]);
  return [...names].map((name) => fileLogger(folder, formats[name]()));
}

/** Whether a file of a run folder is a log. */
export function isRunLog(name: string): boolean {
  return Object.values(formats).some((format) => format().isLog(name));
}
