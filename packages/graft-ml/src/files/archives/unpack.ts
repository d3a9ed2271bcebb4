import { lstat, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { formatOwnJson } from '@graft-ml/core/internal/base/own-json';
import { z } from 'zod';
import { cached, createPrivateFile, type FolderCache, privateFolder, privateMode } from '../cache-folder.ts';
import { crc32Of, sha256Of } from '../checksum.ts';
import { withLock } from '../lock.ts';
import { openPlainFile } from '../read.ts';
import { readOwnJson } from '../read-own-json.ts';
import { replaceFile } from '../write.ts';

/** The most that a gzipped archive may grow: images hardly grow, but the padding between small ones does. */
const bomb = { ratio: 200, bytes: 2 ** 26 } as const;

/** The schema of `<file>.json` beside an unpacked file. */
const recordSchema = z.object({ crc32: z.int().min(0) });

export interface KeptFile {
  readonly path: string;
  /** A sentence where the cached file existed and could not be used; none otherwise. */
  readonly notes: readonly string[];
}

/**
 * The path of the file that `make` writes, kept in the cache under the content of the file at `path` and `suffix`, and
 * made only once, or again where it was damaged. It grows under another name, so that it is whole as soon as it is
 * there.
 *
 * @throws UserError where there is no cache, or it cannot be written; if `make` throws, nothing is left behind
 */
export async function keptInCache(
  cache: FolderCache | null,
  path: string,
  suffix: string,
  make: (part: string) => Promise<void>,
): Promise<KeptFile> {
  if (cache === null) throw new UserError(`${path} must be unpacked to be read, and there is no cache to do so in.`);
  const folder = join(cache.folder, 'datasets');
  const kept = join(folder, `${await sha256Of(path)}${suffix}`);
  const notes: string[] = [];
  try {
    await privateFolder(cache.folder, 'datasets');
    if (await isSound(kept)) return { path: kept, notes };
    const work = async () => {
      if (await isSound(kept)) return;
      if (await isThere(kept))
        notes.push(`${kept} was damaged, not ours, or of an older version: it was unpacked again.`);
      await remake(kept, make);
    };
    await withLock(kept, work, { signal: undefined, onWait: undefined });
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    throw new UserError(
      `${path} must be unpacked into ${folder}, which fails: ${error.message}. GRAFT_CACHE names another folder ` +
        'for that.',
      { cause: error },
    );
  }
  return { path: kept, notes };
}

/** Makes the file anew; called by the holder of the lock. */
async function remake(kept: string, make: (part: string) => Promise<void>): Promise<void> {
  const part = `${kept}.part`;
  try {
    await make(part);
    // First, so that a file is never without it; for an older file in its place it is wrong, and that is made again.
    const record = formatOwnJson({ crc32: await crc32Of(part, cached) });
    await replaceFile(`${kept}.json`, record, { mode: privateMode.file });
    await rename(part, kept);
  } finally {
    await rm(part, { force: true });
  }
}

/** Whether a file is there, ours, and unchanged: all of it is read to tell. */
async function isSound(kept: string): Promise<boolean> {
  try {
    const { crc32 } = recordSchema.parse(await readOwnJson(`${kept}.json`, cached));
    return (await crc32Of(kept, cached)) === crc32;
  } catch {
    return false;
  }
}

function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/**
 * The content of a gzipped file, unpacked once. @throws UserError where it is damaged, or unpacks to more than images
 * do
 */
export function gunzipped(cache: FolderCache | null, path: string): Promise<KeptFile> {
  return keptInCache(cache, path, '.tar', (part) => gunzip(path, part));
}

/** Unpacks a gzipped file. @throws UserError where it is damaged, or unpacks to more than images do */
export async function gunzip(path: string, target: string): Promise<void> {
  const source = await openPlainFile(path);
  try {
    const most = Math.max(bomb.bytes, bomb.ratio * (await source.stat()).size);
    const file = (await createPrivateFile(target)).createWriteStream();
    await pipeline(source.createReadStream({ autoClose: false }), createGunzip(), atMost(most, path), file);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (!code.startsWith('Z_')) throw error;
    throw new UserError(`${path} is damaged: ${(error as Error).message}.`, { cause: error });
  } finally {
    await source.close();
  }
}

/** Passes on so many bytes. */
function atMost(most: number, path: string): Transform {
  let total = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      total += chunk.length;
      if (total > most) done(new UserError(`${path} would unpack to more than ${most} bytes, which no images do.`));
      else done(null, chunk);
    },
  });
}
