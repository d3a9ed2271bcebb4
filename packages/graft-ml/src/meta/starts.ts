import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { packageFile } from '../files/package-file.ts';
import { type OpenRunStore, openRunStore } from '../runs/run-store.ts';

/**
 * The folder of the meta-learned initialisations that come with Graft, each a run folder (assets/README.md says how it
 * was made).
 */
const folder = () => packageFile('assets', 'starts');

/** Their names. */
export function startNames(): string[] {
  return existsSync(folder()) ? readdirSync(folder()).sort() : [];
}

/**
 * The run folder of a path, or of a start that comes with Graft by its name. A folder of such a name is meant before
 * the start.
 * @throws UserError where it is neither
 */
export function startFolder(nameOrPath: string): string {
  if (existsSync(nameOrPath)) return nameOrPath;
  const names = startNames();
  if (names.includes(nameOrPath)) return join(folder(), nameOrPath);
  throw new UserError(
    `${nameOrPath} is not there. Expected a run of meta-learning, or a start that comes with Graft: ` +
      `${names.join(', ')}.`,
  );
}

/**
 * The path of a start, and where it is kept: a run in the stores of `openStore`, or else a run folder or what comes
 * with Graft.
 * @throws UserError where it is neither
 */
export async function findStart(
  nameOrPath: string,
  openStore: OpenRunStore = openRunStore,
): Promise<{ readonly path: string; readonly openStore: OpenRunStore }> {
  const isThere = openStore !== openRunStore && (await openStore(nameOrPath).names()).length > 0;
  return isThere ? { path: nameOrPath, openStore } : { path: startFolder(nameOrPath), openStore: openRunStore };
}
