import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** The place of a file that comes with this package, by its path from the package's root. */
export function packageFile(...path: string[]): string {
  return join(dirname(createRequire(import.meta.url).resolve('graft-ml/package.json')), ...path);
}

/**
 * The built file of a worker, by its path from `src/`: Node 20 runs no TypeScript in threads, so that even the tests,
 * which run the sources, need it.
 */
export function builtWorker(name: string): string {
  const file = packageFile('dist', name);
  if (!existsSync(file)) throw new Error(`A thread needs ${file}, which is missing. Build it: npm run build`);
  return file;
}
