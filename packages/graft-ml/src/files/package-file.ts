import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** The place of a file that comes with this package, by its path from the package's root. */
export function packageFile(...path: string[]): string {
  return join(dirname(createRequire(import.meta.url).resolve('graft-ml/package.json')), ...path);
}
