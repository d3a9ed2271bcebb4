import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { z } from 'zod';
import type { ChoiceStore } from '../tuning.ts';

const fileSchema = z.record(z.string(), z.record(z.string(), z.string()));

/**
 * Timings of one backend in `tuning.json` of a folder. A file that is missing, damaged or not writable costs only the
 * time to measure again, so it is never an error.
 */
export function choiceStore(folder: string, identity: string): ChoiceStore {
  const path = join(folder, 'tuning.json');
  const read = async () => {
    try {
      return fileSchema.parse(JSON.parse(await readFile(path, 'utf8')));
    } catch {
      return {};
    }
  };
  return {
    load: async () => (await read())[identity] ?? {},
    save: async (choices) => {
      try {
        await mkdir(dirname(path), { recursive: true });
        // Another process may have written meanwhile: what it found is kept.
        const all = await read();
        await writeFileAtomic(
          path,
          `${JSON.stringify({ ...all, [identity]: { ...all[identity], ...choices } }, null, 1)}\n`,
        );
      } catch {
        // A read-only home folder: this process goes on with what it measured.
      }
    },
  };
}
