/// <reference lib="esnext.disposable" preserve="true" />
import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { formatOwnJson } from '@graft-ml/core/internal/base/own-json';
import { type Shape, sizeOf } from '@graft-ml/core/internal/base/tensor';
import type { FeatureOrigin, FeatureTable, FeatureTableOptions } from '@graft-ml/core/internal/fit/cache';
import { z } from 'zod';
import { cached, privateFolder, privateMode } from '../files/cache-folder.ts';
import { withLock } from '../files/lock.ts';
import { openPlainFile } from '../files/read.ts';
import { readOwnJson } from '../files/read-own-json.ts';
import { tensorsHash } from '../files/tensors-hash.ts';
import { replaceFile } from '../files/write.ts';

/** Rows are gathered up to this many bytes, and then written as one file: a kill loses at most so much. */
const segment = { bytes: 64 * 2 ** 20, rows: 50_000 } as const;

const indexSchema = z
  .object({
    width: z.int().min(1),
    keys: z.array(z.string()).max(segment.rows),
    /** CRC-32 of each row. A microsecond for 5 KB: it is compared whenever a row is read. */
    checksums: z.array(z.int().min(0)),
  })
  .refine(({ keys, checksums }) => keys.length === checksums.length);

interface Place {
  readonly file: string;
  readonly row: number;
  readonly checksum: number;
}

/** A name for all that features depend on besides the image. */
export function originKey({ graph, variables, preprocessing, backend, choices, decoder }: FeatureOrigin): string {
  const parts = [graph, tensorsHash(variables), preprocessing, backend, decoder, Object.entries(choices).sort()];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

/**
 * The features of one origin: `<cache>/features/<origin>/*.f32`, rows one after another, each file with an index beside
 * it that is written last. Files are only ever added, and removed where they are damaged, so that several processes can
 * share them.
 *
 * @param origin its key
 */
export async function openFeatures(
  cache: string,
  origin: string,
  shape: Shape,
  { limit, onNote }: FeatureTableOptions,
): Promise<FeatureTable> {
  const folder = join(cache, 'features');
  const own = join(folder, origin);
  const width = sizeOf(shape);
  const places = new Map<string, Place>();
  const handles = new Map<string, FileHandle>();
  let pending: { keys: string[]; rows: Uint8Array[] } = { keys: [], rows: [] };
  let budget = limit > 0 && (await isOurs(cache, origin, onNote)) ? limit : 0;
  if (budget > 0) {
    await touch(own);
    await readPlaces();
    budget = limit - (await makeRoom(folder, own, limit));
  }

  async function readPlaces(): Promise<void> {
    for (const [key, place] of await readIndexes(own, width, discard)) places.set(key, place);
  }

  async function flush(): Promise<void> {
    const { keys, rows } = pending;
    pending = { keys: [], rows: [] };
    if (keys.length === 0) return;
    const file = join(own, `${randomUUID()}.f32`);
    const checksums = rows.map((row) => crc32(row));
    const mode = privateMode.file;
    try {
      await privateFolder(cache, 'features', origin); // another process may have removed it to make room
      await replaceFile(file, Buffer.concat(rows), { mode });
      await replaceFile(`${file}.json`, formatOwnJson({ width, keys, checksums }), { mode });
      keys.forEach((key, row) => {
        places.set(key, { file, row, checksum: checksums[row]! });
      });
    } catch {
      budget = 0; // a full or read-only disk: this run goes on without
      await rm(file, { force: true }).catch(() => {});
    }
  }

  /** A file with a damaged row is worth nothing as a whole: what it held is computed again. */
  async function discard(files: readonly string[]): Promise<void> {
    if (files.length === 0) return;
    const named = files.length === 1 ? `${files[0]} is` : `${files.length} files in ${own} are`;
    onNote(`${named} damaged, or of an older version: the features are computed again.`);
    for (const [key, place] of places) if (files.includes(place.file)) places.delete(key);
    for (const file of files) {
      await handles.get(file)?.close();
      handles.delete(file);
      await Promise.all([file, `${file}.json`].map((path) => rm(path, { force: true }))).catch(() => {});
    }
  }

  async function close(): Promise<void> {
    await flush();
    for (const handle of handles.values()) await handle.close();
    handles.clear();
  }

  return {
    has: (key) => places.has(key),
    async read(key, target) {
      const place = places.get(key);
      if (!place) return false;
      const bytes = new Uint8Array(target.buffer, target.byteOffset, 4 * width);
      try {
        const handle = handles.get(place.file) ?? (await openPlainFile(place.file, cached));
        handles.set(place.file, handle);
        const { bytesRead } = await handle.read(bytes, 0, bytes.length, place.row * bytes.length);
        if (bytesRead < bytes.length) return false;
      } catch {
        return false;
      }
      if (crc32(bytes) === place.checksum) return true;
      await discard([place.file]);
      return false;
    },
    async add(key, row) {
      if (places.has(key) || budget < row.byteLength) return;
      budget -= row.byteLength;
      pending.keys.push(key);
      const copy = row.slice();
      pending.rows.push(new Uint8Array(copy.buffer));
      const { length } = pending.rows;
      if (length >= segment.rows || length * row.byteLength >= segment.bytes) await flush();
    },
    async alone(rows, work) {
      if (budget < 4 * width * rows) return work();
      let isBegun = false;
      const next = async () => {
        isBegun = true;
        await readPlaces();
        return work();
      };
      try {
        const locks = await privateFolder(cache, 'locks');
        return await withLock(join(locks, `features-${origin}`), next, { signal: undefined, onWait: undefined });
      } catch (error) {
        if (isBegun) throw error;
        return work(); // a cache that cannot be written to: nothing is kept for others either
      }
    },
    flush,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Whether there is a folder that nobody else writes to. One that cannot be made costs only time. */
async function isOurs(cache: string, origin: string, onNote: (note: string) => void): Promise<boolean> {
  try {
    await privateFolder(cache, 'features', origin);
    return true;
  } catch (error) {
    if (error instanceof UserError) onNote(error.message);
    return false;
  }
}

async function touch(folder: string): Promise<void> {
  const now = new Date();
  await utimes(folder, now, now).catch(() => {});
}

/**
 * The rows of all whole files in an origin's folder. What is not whole is removed, but for what another process may be
 * writing.
 */
async function readIndexes(
  folder: string,
  width: number,
  discard: (files: readonly string[]) => Promise<void>,
): Promise<[string, Place][]> {
  const names = await readdir(folder).catch(() => []);
  const places: [string, Place][] = [];
  const broken: string[] = [];
  for (const name of names.filter((entry) => entry.endsWith('.f32.json')).sort()) {
    const file = join(folder, name.slice(0, -'.json'.length));
    const index = await readOwnJson(join(folder, name), cached).then(indexSchema.safeParse, () => undefined);
    const size = await stat(file).then(
      (status) => status.size,
      () => -1,
    );
    if (!index?.success || index.data.width !== width || size !== 4 * width * index.data.keys.length) {
      broken.push(file);
      continue;
    }
    const { keys, checksums } = index.data;
    keys.forEach((key, row) => {
      places.push([key, { file, row, checksum: checksums[row]! }]);
    });
  }
  await discard(broken);
  return places;
}

/** Removes the features that were not used for longest until the others fit. Returns the bytes that are in use. */
async function makeRoom(folder: string, own: string, limit: number): Promise<number> {
  const origins = await Promise.all(
    (await readdir(folder).catch(() => [])).map(async (name) => {
      const path = join(folder, name);
      const used = await stat(path).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      );
      return { path, used, bytes: await folderSize(path) };
    }),
  );
  let total = origins.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { path, bytes } of origins.sort((a, b) => a.used - b.used)) {
    if (total <= limit) break;
    if (path === own) continue;
    await rm(path, { recursive: true, force: true }).catch(() => {});
    total -= bytes;
  }
  return total;
}

async function folderSize(folder: string): Promise<number> {
  const names = await readdir(folder).catch(() => []);
  const sizes = names.map((name) =>
    stat(join(folder, name)).then(
      ({ size }) => size,
      () => 0,
    ),
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
