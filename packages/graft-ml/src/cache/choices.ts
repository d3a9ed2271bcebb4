import { join } from 'node:path';
import { formatOwnJson } from '@graft-ml/core/internal/base/own-json';
import type { ChoiceStore, Choices } from '@graft-ml/core/internal/runtime/tuning';
import { z } from 'zod';
import { cached, privateFolder, privateMode } from '../files/cache-folder.ts';
import { withLock } from '../files/lock.ts';
import { readOwnJson } from '../files/read-own-json.ts';
import { replaceFile } from '../files/write.ts';

const fileSchema = z.record(z.string(), z.record(z.string(), z.string()));

/**
 * Timings of one backend in `tuning.json` of a folder, which any number of processes may write at once. A file that is
 * missing, damaged, not ours or not writable costs only the time to measure again, so it is never an error.
 */
export function choiceStore(folder: string, identity: string): ChoiceStore {
  const path = join(folder, 'tuning.json');
  const read = async (): Promise<Record<string, Choices>> => {
    try {
      return fileSchema.parse(await readOwnJson(path, cached));
    } catch {
      return {};
    }
  };
  return {
    load: async () => (await read())[identity] ?? {},
    save: async (choices) => {
      try {
        // Others may write to the cache's own folder, and keep a lock there for ever.
        const locks = await privateFolder(folder, 'locks');
        // Choices of other processes are kept: nobody writes between this read and this write.
        const merge = async () => {
          const all = await read();
          const merged = { ...all, [identity]: { ...all[identity], ...choices } };
          await replaceFile(path, formatOwnJson(merged), { mode: privateMode.file });
        };
        await withLock(join(locks, 'tuning.json'), merge, { signal: undefined, onWait: undefined });
      } catch {
        // A read-only home folder: this process goes on with what it measured.
      }
    },
  };
}
