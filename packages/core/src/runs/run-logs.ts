import { fileLogger, type LogFolder } from '../fit/loggers/file-logger.ts';
import { csv, jsonLines } from '../fit/loggers/lines.ts';
import type { Logger } from '../fit/loggers/logger.ts';
import { type LogName, tensorBoardPrefix } from '../fit/loggers/names.ts';

const loggers: Readonly<Record<LogName, (folder: LogFolder, machine: string) => Logger>> = {
  jsonl: (folder) => fileLogger(folder, jsonLines),
  csv: (folder) => fileLogger(folder, csv),
  tensorboard: (folder, machine) =>
    later(async () => fileLogger(folder, (await import('../fit/loggers/tensorboard.ts')).tensorBoard(machine))),
};

/**
 * The logs of a run: `metrics.jsonl`, and those that `log` names besides.
 * @param machine the machine's name in the names of TensorBoard's files
 */
export function runLogs(folder: LogFolder, log: readonly LogName[] | null, machine: string): Logger[] {
  const names = new Set<LogName>(['jsonl', ...(log ?? [])]);
  return [...names].map((name) => loggers[name](folder, machine));
}

/** Whether a file of a run folder is a log. */
export function isRunLog(name: string): boolean {
  return jsonLines.isLog(name) || csv.isLog(name) || name.startsWith(tensorBoardPrefix);
}

/** A logger that is loaded when there is something to log: few runs have it. */
function later(load: () => Promise<Logger>): Logger {
  let loading: Promise<Logger> | undefined;
  const own = () => {
    loading ??= load();
    return loading;
  };
  return {
    log: async (event) => (await own()).log(event),
    resume: async (progress) => (await own()).resume?.(progress),
    close: async () => (await loading)?.close(),
  };
}
