import { UserError } from '../base/errors.ts';

/** A run that is this process's alone. */
export interface RunLock {
  /** Checks the lock before a write. @throws UserError where the run is gone, or is no longer this process's */
  check(): Promise<void>;
  release(): Promise<void>;
}

/**
 * A store of one run, as files by name: a folder on disk, a browser's private file system, memory. `replace` writes a
 * file whole or not at all; `append`, `truncate` and `remove` change one where it is.
 *
 * @throws UserError (by rejection) where a file cannot be read or written
 */
export interface RunStore {
  /** The path of the run folder, as messages name it. */
  readonly path: string;
  /** The names of its files and of the folders of runs inside; none where there is no run yet. */
  names(): Promise<string[]>;
  /** The content of a file, of at most so many bytes where that is bounded. */
  read(name: string, most?: number): Promise<Uint8Array>;
  replace(name: string, content: string | Uint8Array): Promise<void>;
  append(name: string, content: Uint8Array): Promise<void>;
  truncate(name: string, length: number): Promise<void>;
  remove(name: string): Promise<void>;
  /** Removes the run with all that is in it. */
  removeAll(): Promise<void>;
  /**
   * Looks at what is there before any of it is used: it may have been sent by somebody.
   * @param runs other names of runs in it
   * @throws UserError where it is not to be trusted
   */
  inspect(runs?: readonly string[]): Promise<void>;
  /**
   * Asked before time is spent on a run to come. @throws UserError where none can be kept here, or another process
   * writes one
   */
  assertWritable(): Promise<void>;
  /** Makes the place of a new run. */
  make(): Promise<void>;
  /** Makes it this process's, until it is released. @throws UserError that says who has it */
  lock(): Promise<RunLock>;
}

/** The store of a run, by its path. Runs that belong together lie in one: `<path>/fold-1`. */
export type OpenRunStore = (path: string) => RunStore;

/** The store with a check before each write: whether the run may still be written. */
export function whileHeld(store: RunStore, check: () => Promise<void> | undefined): RunStore {
  const held =
    <A extends unknown[]>(write: (...args: A) => Promise<void>) =>
    async (...args: A) => {
      await check();
      await write(...args);
    };
  return {
    ...store,
    replace: held(store.replace),
    append: held(store.append),
    truncate: held(store.truncate),
    remove: held(store.remove),
    removeAll: held(store.removeAll),
  };
}

/** Runs in the memory of this process, for as long as the function that opens them is held. */
export function memoryRuns(): OpenRunStore {
  const runs = new Map<string, Map<string, Uint8Array>>();
  const held = new Set<string>();
  return (path) => {
    const find = (name: string): Uint8Array => {
      const content = runs.get(path)?.get(name);
      if (content === undefined) throw new UserError(`Cannot read ${path}/${name}: there is no such file.`);
      return content;
    };
    const write = (name: string, content: Uint8Array): void => {
      const files = runs.get(path) ?? new Map<string, Uint8Array>();
      runs.set(path, files.set(name, content));
    };
    const assertFree = (): void => {
      if (held.has(path)) throw new UserError(`${path} is being trained by this process. Wait for it, or stop it.`);
    };
    return {
      path,
      async names() {
        const inside = [...runs.keys()].filter((other) => other.startsWith(`${path}/`));
        const folders = inside.map((other) => other.slice(path.length + 1).split('/')[0]!);
        return [...new Set([...(runs.get(path)?.keys() ?? []), ...folders])];
      },
      async read(name, most = Number.POSITIVE_INFINITY) {
        const content = find(name);
        if (content.length <= most) return content.slice();
        throw new UserError(`Cannot read ${path}/${name}: it has ${content.length} bytes, at most ${most} are read.`);
      },
      async replace(name, content) {
        write(name, typeof content === 'string' ? new TextEncoder().encode(content) : content.slice());
      },
      async append(name, content) {
        const before = runs.get(path)?.get(name) ?? new Uint8Array(0);
        const joined = new Uint8Array(before.length + content.length);
        joined.set(before);
        joined.set(content, before.length);
        write(name, joined);
      },
      truncate: async (name, length) => write(name, find(name).slice(0, length)),
      async remove(name) {
        find(name);
        runs.get(path)!.delete(name);
      },
      async removeAll() {
        for (const other of runs.keys()) if (other === path || other.startsWith(`${path}/`)) runs.delete(other);
      },
      async inspect() {},
      assertWritable: async () => assertFree(),
      async make() {
        if (!runs.has(path)) runs.set(path, new Map());
      },
      async lock() {
        assertFree();
        held.add(path);
        return {
          async check() {
            if (!runs.has(path)) throw new UserError(`${path} was removed while it was being trained.`);
          },
          async release() {
            held.delete(path);
          },
        };
      },
    };
  };
}
