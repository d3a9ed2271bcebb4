/// <reference lib="esnext.disposable" preserve="true" />

import { sha256OfText } from '@graft-ml/core/internal/base/sha256';
import { parseShallow } from '@graft-ml/core/internal/base/shallow-json';
import { type Shape, sizeOf } from '@graft-ml/core/internal/base/tensor';
import {
  type Cache,
  type FeatureOrigin,
  type FeatureTable,
  type FeatureTableOptions,
  noFeatures,
} from '@graft-ml/core/internal/fit/cache';
import { tensorsHash } from '@graft-ml/core/internal/weights/tensors-hash';
import * as z from 'zod';
import { choiceStore } from '../runtime/choice-store.ts';

/** Rows are gathered up to so many bytes, and then written as one file. */
const segmentBytes = 16 * 2 ** 20;
const mostRows = 50_000;

const indexSchema = z.object({ width: z.int().min(1), keys: z.array(z.string()).max(mostRows) });

/**
 * A cache in the browser: features in its private file system, timings in IndexedDB. What is missing or damaged costs
 * only time.
 *
 * @param folder in the private file system. Default: `cache`
 * @example trainImages(images, config, { out: 'runs/x', cache: privateCache() })
 */
export function privateCache(folder = 'cache'): Cache {
  return {
    choices: (backend) => choiceStore('graft', async () => backend),
    async features(origin, shape, options) {
      if (options.limit === 0) return noFeatures;
      try {
        const root = await navigator.storage.getDirectory();
        const cache = await root.getDirectoryHandle(folder, { create: true });
        return await openFeatures(await cache.getDirectoryHandle('features', { create: true }), origin, shape, options);
      } catch {
        return noFeatures; // a browser without such a file system, or without room
      }
    },
  };
}

/** A name for all that features depend on besides the image. */
function originKey({ graph, variables, preprocessing, backend, choices, decoder }: FeatureOrigin): string {
  const parts = [graph, tensorsHash(variables), preprocessing, backend, decoder, Object.entries(choices).sort()];
  return sha256OfText(JSON.stringify(parts)).slice(0, 32);
}

interface Place {
  readonly file: File;
  readonly row: number;
}

/** The features of one origin: files of rows, each with an index beside it that is written last. */
async function openFeatures(
  features: FileSystemDirectoryHandle,
  origin: FeatureOrigin,
  shape: Shape,
  { limit, onNote }: FeatureTableOptions,
): Promise<FeatureTable> {
  const width = sizeOf(shape);
  const rowBytes = 4 * width;
  const name = originKey(origin);
  const own = await features.getDirectoryHandle(name, { create: true });
  const places = await readIndexes(own, width, onNote);
  let budget = limit - (await makeRoom(features, name, limit));
  let pending: { keys: string[]; rows: Uint8Array<ArrayBuffer>[] } = { keys: [], rows: [] };

  async function flush(): Promise<void> {
    const { keys, rows } = pending;
    pending = { keys: [], rows: [] };
    if (keys.length === 0) return;
    const base = crypto.randomUUID();
    try {
      const file = await written(own, `${base}.f32`, new Blob(rows));
      await written(own, `${base}.json`, new Blob([JSON.stringify({ width, keys })]));
      for (const [row, key] of keys.entries()) places.set(key, { file, row });
    } catch {
      budget = 0; // no more room: this run goes on without
    }
  }

  return {
    has: (key) => places.has(key),
    async read(key, target) {
      const place = places.get(key);
      if (!place) return false;
      try {
        const at = place.row * rowBytes;
        const bytes = await place.file.slice(at, at + rowBytes).arrayBuffer();
        if (bytes.byteLength !== rowBytes) return false;
        target.set(new Float32Array(bytes));
        return true;
      } catch {
        places.delete(key); // the browser has cleared it away
        return false;
      }
    },
    async add(key, row) {
      if (places.has(key) || budget < row.byteLength) return;
      budget -= row.byteLength;
      pending.keys.push(key);
      pending.rows.push(new Uint8Array(row.slice().buffer));
      const { length } = pending.rows;
      if (length >= mostRows || length * rowBytes >= segmentBytes) await flush();
    },
    flush,
    close: flush,
    [Symbol.asyncDispose]: flush,
  };
}

async function written(folder: FileSystemDirectoryHandle, name: string, content: Blob): Promise<File> {
  const handle = await folder.getFileHandle(name, { create: true });
  const stream = await handle.createWritable();
  await stream.write(content);
  await stream.close();
  return handle.getFile();
}

/** The rows of all whole files of an origin; what is not whole is removed. */
async function readIndexes(
  folder: FileSystemDirectoryHandle,
  width: number,
  onNote: (note: string) => void,
): Promise<Map<string, Place>> {
  const places = new Map<string, Place>();
  const files = new Map<string, File>();
  for await (const handle of folder.values())
    if (handle.kind === 'file') files.set(handle.name, await handle.getFile());
  for (const [name, file] of files) {
    if (!name.endsWith('.f32')) continue;
    const index = files.get(name.replace(/\.f32$/, '.json'));
    const { data } = indexSchema.safeParse(index && parseShallow(await index.text(), 3));
    if (data?.width === width && file.size === 4 * width * data.keys.length) {
      for (const [row, key] of data.keys.entries()) places.set(key, { file, row });
      continue;
    }
    onNote('Kept features are damaged, or were not written to the end: they are computed again.');
    await folder.removeEntry(name).catch(() => {});
  }
  return places;
}

/** Removes the features that were written longest ago until the others fit. Returns the bytes that are in use. */
async function makeRoom(features: FileSystemDirectoryHandle, own: string, limit: number): Promise<number> {
  const origins: { readonly name: string; readonly bytes: number; readonly used: number }[] = [];
  for await (const folder of features.values()) {
    if (folder.kind !== 'directory') continue;
    let [bytes, used] = [0, 0];
    for await (const handle of folder.values()) {
      if (handle.kind !== 'file') continue;
      const { size, lastModified } = await handle.getFile();
      bytes += size;
      used = Math.max(used, lastModified);
    }
    origins.push({ name: folder.name, bytes, used });
  }
  let total = origins.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { name, bytes } of origins.sort((a, b) => a.used - b.used)) {
    if (total <= limit) break;
    if (name === own) continue;
    await features.removeEntry(name, { recursive: true }).catch(() => {});
    total -= bytes;
  }
  return total;
}
