import { hostname } from 'node:os';
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

/** The folder of a log. */
export interface LogFolder {
  names(): Promise<string[]>;
  read(name: string): Promise<Uint8Array>;
  append(name: string, content: Uint8Array): Promise<void>;
  truncate(name: string, length: number): Promise<void>;
}

/**
 * A log in a run folder. Every entry is written at once: a checkpoint is never ahead of its log, and a log that is
 * ahead of its checkpoint is cut when the run is resumed.
 */
export function fileLogger<M extends string = 'accuracy'>(folder: LogFolder, format: LogFormat<M>): Logger<M> {
  /** The log's file, and whether it has its header. */
  let name = format.name;
  let isBegun = false;
  return {
    async resume(phase) {
      const logs = (await folder.names()).filter(format.isLog).sort();
      name = logs.at(-1) ?? format.name;
      if (logs.length === 0) return;
      // Cutting needs no room, so that it also can be done on a full disk.
      const content = await folder.read(name);
      const length = format.lengthUntil(content, phase);
      if (length < content.length) await folder.truncate(name, length);
      isBegun = length > 0;
    },
    async log(event) {
      const entry = format.encode(event);
      if (!entry) return;
      await folder.append(name, isBegun ? entry : Buffer.concat([format.header, entry]));
      isBegun = true;
    },
    async close() {},
  };
}
