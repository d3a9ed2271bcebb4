import { fileLogger, type LogFolder } from '../fit/loggers/file-logger.ts';
import { csv, jsonLines, type LogFormat, type Logger, tensorBoard } from '../fit/loggers/index.ts';
import type { LogName } from '../fit/loggers/names.ts';

const formats: Readonly<Record<LogName, (machine: string) => LogFormat>> = {
  jsonl: () => jsonLines,
  csv: () => csv,
  tensorboard: (machine) => tensorBoard(machine),
};

/**
 * The logs of a run: `metrics.jsonl`, and those that `log` names besides.
 * @param machine the machine's name in the names of TensorBoard's files
 */
export function runLogs(folder: LogFolder, log: readonly LogName[] | null, machine: string): Logger[] {
  const names = new Set<LogName>(['jsonl', ...(log ?? [])]);
  return [...names].map((name) => fileLogger(folder, formats[name](machine)));
}

/** Whether a file of a run folder is a log. */
export function isRunLog(name: string): boolean {
  return Object.values(formats).some((format) => format('').isLog(name));
}
