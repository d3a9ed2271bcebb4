import { appendFile, readdir, readFile, stat, truncate } from 'node:fs/promises';
import type { LogFormat, Logger } from '../logger.ts';

/** Does a write to a file of the run folder, if that is still the run's. @throws UserError with the path */
export type Write = (name: string, write: (path: string) => Promise<void>) => Promise<void>;

/**
 * A log in a run folder. Every entry is written at once: a checkpoint is never ahead of its log, and a log that is ahead of
 * its checkpoint is cut when the run is gone on with.
 */
export function fileLogger(folder: string, format: LogFormat, write: Write): Logger {
  /** The log's file, and whether it has its header. */
  let name = format.name;
  let isBegun = false;
  return {
    async resume(phase) {
      const logs = (await readdir(folder)).filter(format.isLog).sort();
      name = logs.at(-1) ?? format.name;
      await write(name, async (path) => {
        if (logs.length === 0) return;
        // Cutting needs no room, so that it also can be done on a full disk.
        const length = format.lengthUntil(await readFile(path), phase);
        if (length < (await stat(path)).size) await truncate(path, length);
        isBegun = length > 0;
      });
    },
    async log(event) {
      const entry = format.encode(event);
      if (!entry) return;
      await write(name, (path) => appendFile(path, isBegun ? entry : Buffer.concat([format.header, entry])));
      isBegun = true;
    },
    async close() {},
  };
}
