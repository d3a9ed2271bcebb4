import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type OpenRunStore, openRunStore, type RunStore } from 'graft-ml/internal/runs/run-store';

/**
 * How a write fails. `before`: nothing of it was done. `torn`: a part of it, as on a disk that fills up. `after`: all
 * of it, but the system says that it failed. `full`: as `torn`, and all that come after it fail, too.
 */
export const faults = ['before', 'torn', 'after', 'full'] as const;
export type Fault = (typeof faults)[number];

type Write = 'replace' | 'append' | 'truncate' | 'remove';

/** Stores in folders whose writes are counted, in all of them together; the one of number `at` (from 1) fails. */
export function faultyStore(at: number, fault: Fault): { openStore: OpenRunStore; counted: { writes: number } } {
  const counted = { writes: 0 };
  const openStore: OpenRunStore = (path) => {
    const store = openRunStore(path);
    const attempt = async (write: Write, name: string, whole: () => Promise<void>, part: () => Promise<void>) => {
      const number = ++counted.writes;
      if (number < at || (number > at && fault !== 'full')) return whole();
      if (fault === 'torn' || fault === 'full') await part();
      if (fault === 'after') await whole();
      const error = new Error(`ENOSPC: no space left on device, ${write} ${name}`);
      throw Object.assign(error, { code: 'ENOSPC' });
    };
    return {
      ...store,
      // What is replaced is written beside its place first, and stays there if the process cannot remove it.
      replace: (name, content) =>
        attempt(
          'replace',
          name,
          () => store.replace(name, content),
          async () => {
            const beside = join(path, `${name}.0f8fad5b-d9cb-469f-a165-70867728950e.tmp`);
            writeFileSync(beside, content.slice(0, content.length >> 1));
          },
        ),
      append: (name, content) =>
        attempt(
          'append',
          name,
          () => store.append(name, content),
          () => store.append(name, content.slice(0, content.length >> 1)),
        ),
      truncate: (name, length) =>
        attempt(
          'truncate',
          name,
          () => store.truncate(name, length),
          async () => {},
        ),
      remove: (name) =>
        attempt(
          'remove',
          name,
          () => store.remove(name),
          async () => {},
        ),
    } satisfies RunStore;
  };
  return { openStore, counted };
}
