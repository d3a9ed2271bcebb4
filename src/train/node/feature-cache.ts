import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { z } from 'zod';
import { type Shape, sizeOf } from '../../base/tensor.ts';

/** Rows of features by key, on disk. What cannot be read or written is only computed again. */
export interface FeatureTable {
  has(key: string): boolean;
  /** Copies a row to `target`. False where it is gone. */
  read(key: string, target: Float32Array): Promise<boolean>;
  /** Keeps rows for later runs, as far as the disk's share allows. */
  add(key: string, row: Float32Array): Promise<void>;
  /** Writes what was added. */
  flush(): Promise<void>;
  /** Writes what was added, and closes the files. */
  close(): Promise<void>;
}

const indexSchema = z.object({ width: z.int().min(1), keys: z.array(z.string()).max(1_000_000) });

/** Rows are gathered up to this many bytes, and then written as one file: a kill loses at most so much. */
const segmentBytes = 64 * 2 ** 20;

interface Place {
  readonly file: string;
  readonly row: number;
}

/**
 * The features that one frozen trunk makes: `folder/<trunk>/*.f32`, rows one after another, each file with an index beside it that is
 * written last. Files are only ever added, so that several processes can share them.
 *
 * @param trunk a name for all that features depend on besides the picture
 * @param limit bytes for all trunks together; the longest unused give way. 0: nothing is read or written.
 */
export async function openFeatures(folder: string, trunk: string, shape: Shape, limit: number): Promise<FeatureTable> {
  const own = join(folder, trunk);
  const width = sizeOf(shape);
  const places = new Map<string, Place>();
  const handles = new Map<string, FileHandle>();
  let pending: { keys: string[]; rows: Float32Array[] } = { keys: [], rows: [] };
  let budget = limit;
  if (limit > 0) {
    await touch(own);
    for (const [key, place] of await readIndexes(own, width)) places.set(key, place);
    budget = limit - (await makeRoom(folder, own, limit));
  }

  async function flush(): Promise<void> {
    const { keys, rows } = pending;
    pending = { keys: [], rows: [] };
    if (keys.length === 0) return;
    const file = join(own, `${randomUUID()}.f32`);
    try {
      await mkdir(own, { recursive: true });
      await writeFile(file, Buffer.concat(rows.map((row) => Buffer.from(row.buffer, row.byteOffset, row.byteLength))));
      await writeFileAtomic(`${file}.json`, JSON.stringify({ width, keys }));
      keys.forEach((key, row) => {
        places.set(key, { file, row });
      });
    } catch {
      budget = 0; // a full or read-only disk: this run goes on without
      await rm(file, { force: true }).catch(() => {});
    }
  }

  return {
    has: (key) => places.has(key),
    async read(key, target) {
      const place = places.get(key);
      if (!place) return false;
      try {
        const handle = handles.get(place.file) ?? (await open(place.file, 'r'));
        handles.set(place.file, handle);
        const bytes = new Uint8Array(target.buffer, target.byteOffset, 4 * width);
        const { bytesRead } = await handle.read(bytes, 0, bytes.length, place.row * bytes.length);
        return bytesRead === bytes.length;
      } catch {
        return false;
      }
    },
    async add(key, row) {
      if (places.has(key) || budget < row.byteLength) return;
      budget -= row.byteLength;
      pending.keys.push(key);
      pending.rows.push(row.slice());
      if (pending.rows.length * row.byteLength >= segmentBytes) await flush();
    },
    flush,
    async close() {
      await flush();
      for (const handle of handles.values()) await handle.close();
      handles.clear();
    },
  };
}

async function touch(folder: string): Promise<void> {
  const now = new Date();
  await mkdir(folder, { recursive: true }).catch(() => {});
  await utimes(folder, now, now).catch(() => {});
}

/** The rows of all whole files in a trunk's folder. */
async function readIndexes(folder: string, width: number): Promise<[string, Place][]> {
  const names = await readdir(folder).catch(() => []);
  const places: [string, Place][] = [];
  for (const name of names.filter((entry) => entry.endsWith('.f32.json')).sort()) {
    const file = join(folder, name.slice(0, -'.json'.length));
    const index = await readFile(join(folder, name), 'utf8')
      .then(JSON.parse)
      .then(indexSchema.safeParse, () => undefined);
    const size = await stat(file).then(
      (status) => status.size,
      () => -1,
    );
    if (!index?.success || index.data.width !== width || size !== 4 * width * index.data.keys.length) continue;
    index.data.keys.forEach((key, row) => {
      places.push([key, { file, row }]);
    });
  }
  return places;
}

/** Removes the trunks that were not used for longest until the others fit. Returns the bytes that are in use. */
async function makeRoom(folder: string, own: string, limit: number): Promise<number> {
  const trunks = await Promise.all(
    (await readdir(folder).catch(() => [])).map(async (name) => {
      const path = join(folder, name);
      const used = await stat(path).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      );
      return { path, used, bytes: await folderSize(path) };
    }),
  );
  let total = trunks.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { path, bytes } of trunks.sort((a, b) => a.used - b.used)) {
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
