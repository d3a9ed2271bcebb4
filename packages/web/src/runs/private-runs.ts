import { UserError } from '@graft-ml/core/internal/base/errors';
import type { OpenRunStore, RunLock, RunStore } from '@graft-ml/core/internal/fit/run-store';

/** `move` is in every browser that has the private file system, and not yet in TypeScript's library. */
interface MovableFile extends FileSystemFileHandle {
  move(name: string): Promise<void>;
}

/** The file that a new version is written to before it takes the place of the old one. */
const pending = (name: string) => `.${name}.pending`;

/**
 * Runs in the browser's private file system (OPFS), which belongs to the page's origin: files as on a disk, for as long as
 * the browser keeps them (`navigator.storage.persist()` asks it to). In pages and workers that come by https or from
 * localhost. One page or worker writes a run at a time, by `navigator.locks`.
 *
 * @param root the folder that holds the runs. Default: the whole of it
 * @example const store = privateRuns()('runs/flowers');
 */
export function privateRuns(root?: FileSystemDirectoryHandle): OpenRunStore {
  return (path) => openPrivateRun(path, root);
}

function openPrivateRun(path: string, root: FileSystemDirectoryHandle | undefined): RunStore {
  const origin = async () => root ?? originFiles();
  const folder = async () => descend(await origin(), partsOf(path), { create: false });
  const find = () =>
    folder().catch((error: unknown) => {
      if (isNamed(error, 'NotFoundError', 'TypeMismatchError')) return null;
      throw error;
    });
  const lockName = () => `graft run ${partsOf(path).join('/')}`;
  const isHeld = () => new UserError(`${path} is being trained in another tab or worker. Wait for it, or close it.`);
  const explained = async <T>(what: string, name: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const at = name === '' ? path : `${path}/${name}`;
      throw new UserError(`Cannot ${what} ${at}: ${reasonOf(error)}.`, { cause: error });
    }
  };
  return {
    path,
    async names() {
      const names = await namesIn(await find());
      return names.filter((name) => !isPending(name));
    },
    read: (name, most = Number.POSITIVE_INFINITY) =>
      explained('read', name, async () => {
        const file = await (await (await folder()).getFileHandle(name)).getFile();
        if (file.size > most) throw new UserError(`it has ${file.size} bytes, at most ${most} are read`);
        return new Uint8Array(await file.arrayBuffer());
      }),
    replace: (name, content) =>
      explained('write', name, async () => {
        const own = await folder();
        const handle = await own.getFileHandle(pending(name), { create: true });
        try {
          await write(handle, content, { keepExistingData: false });
          await (handle as MovableFile).move(name);
        } catch (error) {
          await own.removeEntry(pending(name)).catch(() => {});
          throw error;
        }
      }),
    append: (name, content) =>
      explained('write', name, async () => {
        const handle = await (await folder()).getFileHandle(name, { create: true });
        await write(handle, content, { keepExistingData: true, position: (await handle.getFile()).size });
      }),
    truncate: (name, length) =>
      explained('write', name, async () => {
        const stream = await (await (await folder()).getFileHandle(name)).createWritable({ keepExistingData: true });
        await stream.truncate(length);
        await stream.close();
      }),
    remove: (name) => explained('remove', name, async () => (await folder()).removeEntry(name)),
    removeAll: () =>
      explained('remove', '', async () => {
        const parts = partsOf(path);
        const parent = await descend(await origin(), parts.slice(0, -1), { create: false });
        await parent.removeEntry(parts.at(-1)!, { recursive: true });
      }),
    /** There are no links in it, and nobody else writes to it. */
    async inspect() {
      partsOf(path);
    },
    async assertWritable() {
      const name = lockName();
      await origin();
      const { held = [] } = await navigator.locks.query();
      if (held.some((lock) => lock.name === name)) throw isHeld();
    },
    make: async () => {
      await explained('write', '', async () => descend(await origin(), partsOf(path), { create: true }));
    },
    async lock(): Promise<RunLock> {
      const release = await lockOf(lockName());
      if (release === null) throw isHeld();
      const own = await find();
      // What a page that was closed in the middle of a write has left.
      for (const name of (await namesIn(own)).filter(isPending)) await own!.removeEntry(name).catch(() => {});
      return {
        async check() {
          if ((await find()) === null) throw new UserError(`${path} was removed while it was being trained.`);
        },
        release: async () => release(),
      };
    },
  };
}

async function originFiles(): Promise<FileSystemDirectoryHandle> {
  if (navigator.storage?.getDirectory) return navigator.storage.getDirectory();
  throw new UserError('This browser keeps no files for a page that does not come by https or from localhost.');
}

async function namesIn(folder: FileSystemDirectoryHandle | null): Promise<string[]> {
  const names: string[] = [];
  if (folder) for await (const name of folder.keys()) names.push(name);
  return names;
}

const isPending = (name: string) => name.startsWith('.') && name.endsWith('.pending');

/** The names on the way to a run. @throws UserError where they lead elsewhere */
function partsOf(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.length > 0 && !parts.includes('..')) return parts;
  throw new UserError(`${path} is no place for a run: name a folder, as in runs/flowers.`);
}

async function descend(
  from: FileSystemDirectoryHandle,
  parts: readonly string[],
  options: FileSystemGetDirectoryOptions,
): Promise<FileSystemDirectoryHandle> {
  let folder = from;
  for (const part of parts) folder = await folder.getDirectoryHandle(part, options);
  return folder;
}

async function write(
  handle: FileSystemFileHandle,
  content: string | Uint8Array,
  { keepExistingData, position = 0 }: { readonly keepExistingData: boolean; readonly position?: number },
): Promise<void> {
  const stream = await handle.createWritable({ keepExistingData });
  try {
    await stream.write({ type: 'write', position, data: content as string | Uint8Array<ArrayBuffer> });
    await stream.close();
  } catch (error) {
    await stream.abort().catch(() => {});
    throw error;
  }
}

/** Takes a lock of this origin, and gives what releases it; null where another tab or worker has it. */
function lockOf(name: string): Promise<(() => void) | null> {
  return new Promise((resolve, reject) => {
    const held = navigator.locks.request(name, { ifAvailable: true }, (lock) => {
      if (lock === null) return resolve(null);
      return new Promise<void>((release) => resolve(release));
    });
    held.catch(reject);
  });
}

function isNamed(error: unknown, ...names: readonly string[]): boolean {
  return error instanceof DOMException && names.includes(error.name);
}

function reasonOf(error: Error): string {
  if (isNamed(error, 'NotFoundError')) return 'there is no such file';
  if (isNamed(error, 'QuotaExceededError')) return 'the browser gives this page no more room';
  if (isNamed(error, 'NoModificationAllowedError')) return 'it is open elsewhere';
  return error.message.replace(/\.$/, '');
}
