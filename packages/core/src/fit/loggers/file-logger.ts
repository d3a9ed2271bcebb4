import type { LogFormat, Logger } from './logger.ts';

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
      await folder.append(name, isBegun ? entry : joined(format.header, entry));
      isBegun = true;
    },
    async close() {},
  };
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
