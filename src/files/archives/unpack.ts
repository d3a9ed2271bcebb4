import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { UserError } from '../../base/errors.ts';
import { cacheFolder } from '../cache-folder.ts';
import { sha256Of } from '../checksum.ts';
import { withLock } from '../lock.ts';
import { exists } from '../read.ts';

/** The most that a gzipped archive may grow: pictures hardly do, the padding between small ones does. */
const bomb = { ratio: 200, bytes: 2 ** 26 } as const;

/**
 * What `make` writes of the file at `path`, kept in the cache under the file's content and `suffix`, and made only once. It
 * grows under another name, so that it is whole as soon as it is there.
 *
 * @throws UserError where the cache cannot be written; with what `make` throws nothing is left behind
 */
export async function keptInCache(
  path: string,
  suffix: string,
  make: (part: string) => Promise<void>,
): Promise<string> {
  const folder = join(cacheFolder(), 'datasets');
  const kept = join(folder, `${await sha256Of(path)}${suffix}`);
  if (await exists(kept)) return kept;
  try {
    await mkdir(folder, { recursive: true });
    await withLock(
      kept,
      async () => {
        if (await exists(kept)) return;
        const part = `${kept}.part`;
        try {
          await make(part);
          await rename(part, kept);
        } finally {
          await rm(part, { force: true });
        }
      },
      { signal: undefined, onWait: undefined },
    );
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    throw new UserError(
      `${path} must be unpacked into ${folder}, which fails: ${error.message}. GRAFT_CACHE names another folder for that.`,
      { cause: error },
    );
  }
  return kept;
}

/** The content of a gzipped file, unpacked once. @throws UserError where it is damaged, or unpacks to more than pictures do */
export function gunzipped(path: string): Promise<string> {
  return keptInCache(path, '.tar', (part) => gunzip(path, part));
}

/** Unpacks a gzipped file. @throws UserError where it is damaged, or unpacks to more than pictures do */
export async function gunzip(path: string, target: string): Promise<void> {
  const { size } = await stat(path);
  try {
    const most = Math.max(bomb.bytes, bomb.ratio * size);
    await pipeline(createReadStream(path), createGunzip(), atMost(most, path), createWriteStream(target));
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (!code.startsWith('Z_')) throw error;
    throw new UserError(`${path} is damaged: ${(error as Error).message}.`, { cause: error });
  }
}

/** Passes on so many bytes. */
function atMost(most: number, path: string): Transform {
  let total = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      total += chunk.length;
      if (total > most) done(new UserError(`${path} would unpack to more than ${most} bytes, which no pictures do.`));
      else done(null, chunk);
    },
  });
}
