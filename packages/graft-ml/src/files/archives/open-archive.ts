import { UserError } from '@graft-ml/core/internal/base/errors';
import type { FolderCache } from '../cache-folder.ts';
import { readStart } from '../read.ts';
import type { Member } from './member.ts';
import { isTar, tarMembers } from './tar.ts';
import { gunzipped } from './unpack.ts';
import { zipMembers } from './zip.ts';

/** The members of an archive, with notes on how they were reached, a sentence each. */
export interface Archive {
  readonly members: readonly Member[];
  readonly notes: readonly string[];
}

/**
 * Opens the archive that begins with `start`; null where these are not the first bytes of one. A gzipped one cannot be
 * read in place, because the way to any member leads through all before it: it is unpacked into the cache, once.
 *
 * @throws UserError where the archive is damaged, or something else than a tar archive is gzipped
 */
export async function openArchive(path: string, start: Buffer, cache: FolderCache | null): Promise<Archive | null> {
  const text = start.toString('latin1');
  if (text.startsWith('PK\x03\x04') || text.startsWith('PK\x05\x06')) {
    return { members: await zipMembers(path), notes: [] };
  }
  if (text.startsWith('\x1f\x8b')) {
    const { path: unpacked, notes } = await gunzipped(cache, path);
    if (!isTar(await readStart(unpacked))) {
      throw new UserError(`${path} is gzipped, and not a tar archive. Unpack it.`);
    }
    const note = `${path} was unpacked into ${unpacked}: a gzipped archive cannot be read in place.`;
    return { members: await tarMembers(unpacked), notes: [...notes, note] };
  }
  return isTar(start) ? { members: await tarMembers(path), notes: [] } : null;
}
