import { lstat, opendir, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { readBytes } from '../files/read.ts';
import { makeFolders, replaceFile, wrapWriteErrors } from '../files/write.ts';
import { assertKey } from './object-key.ts';
import type { ObjectStore } from './object-store.ts';

/** Without a bound of the caller's, an object that one read cannot give is refused. */
const mostBytes = 2 ** 31 - 1;

/** Objects as files below a folder, which may lie on a disk that machines share. */
export function folderStore(path: string): ObjectStore {
  const root = resolve(path);
  const fileOf = (key: string) => join(root, assertKey(key));
  return {
    place: root,
    async put(key, content) {
      const file = fileOf(key);
      await wrapWriteErrors(file, async () => {
        await makeFolders(dirname(file));
        await replaceFile(file, content);
      });
    },
    async get(key, most = mostBytes) {
      const file = fileOf(key);
      if (!(await isFile(file))) return null;
      const { buffer, byteOffset, length } = await readBytes(file, { most, links: 'refuse' });
      return new Uint8Array(buffer, byteOffset, length);
    },
    has: async (key) => isFile(fileOf(key)),
    async *list(prefix) {
      // The last part of a prefix may be the beginning of a name.
      const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
      const keys: string[] = [];
      await collect(join(root, folder), folder, keys);
      yield* keys.filter((key) => key.startsWith(prefix)).sort();
    },
    async remove(key) {
      const file = fileOf(key);
      await wrapWriteErrors(file, () => rm(file, { force: true }));
    },
  };
}

async function isFile(path: string): Promise<boolean> {
  const status = await lstat(path).catch(() => null);
  return status?.isFile() === true;
}

async function collect(folder: string, prefix: string, keys: string[]): Promise<void> {
  const entries = await opendir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
    throw error;
  });
  if (!entries) return;
  for await (const entry of entries) {
    if (entry.isDirectory()) await collect(join(folder, entry.name), `${prefix}${entry.name}/`, keys);
    else if (entry.isFile() && !entry.name.endsWith('.tmp')) keys.push(prefix + entry.name);
  }
}
