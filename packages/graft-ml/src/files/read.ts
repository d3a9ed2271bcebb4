import { constants } from 'node:fs';
import { type FileHandle, lstat, open, stat } from 'node:fs/promises';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { parseShallow, parseShallowJson } from '@graft-ml/core/internal/base/shallow-json';

/** Options for opening a file that someone else may have made. */
export interface OpenOptions {
  /** `refuse` where the path is not one that a person typed: of a run folder, of the cache. Default: `follow`. */
  readonly links?: 'follow' | 'refuse';
  /**
   * `user`: only a file that this user or the administrator owns, so that nobody else put it there. Default: `anyone`.
   */
  readonly owner?: 'anyone' | 'user';
}

export interface ReadOptions extends OpenOptions {
  /** The largest size, in bytes. A longer file is refused before it is read. */
  readonly most: number;
}

/**
 * Opens a plain file for reading. Never waits for the other end of a FIFO, and hands out nothing but plain files: what
 * was opened is looked at, not what stood at the path before.
 *
 * @throws UserError with the path where there is no file, or something else
 */
export async function openPlainFile(
  path: string,
  { links = 'follow', owner = 'anyone' }: OpenOptions = {},
): Promise<FileHandle> {
  const follow = links === 'refuse' ? (constants.O_NOFOLLOW ?? 0) : 0;
  const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | follow;
  if (links === 'refuse') await assertNoLink(path).catch((error) => failToRead(path, error));
  const handle = await open(path, flags).catch((error: NodeJS.ErrnoException) => failToRead(path, error));
  try {
    const status = await handle.stat();
    if (status.isDirectory()) throw new UserError(`Cannot read ${path}: it is a folder. Name the file in it.`);
    // It may never end: so neither `--config /dev/stdin` nor `<(…)` of a shell is read.
    if (status.isFIFO())
      throw new UserError(`Cannot read ${path}: it is a pipe. Write what comes out of it to a file.`);
    if (!status.isFile()) throw new UserError(`Cannot read ${path}: it is not an ordinary file.`);
    if (owner === 'user' && !isTrustedOwner(status)) {
      throw new UserError(`Cannot read ${path}: it belongs to another user.`);
    }
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Whether something belongs to this user or to the administrator, who can do anything anyway. Windows does not say. */
export function isTrustedOwner({ uid }: { readonly uid: number }): boolean {
  const user = process.getuid?.();
  return user === undefined || uid === user || uid === 0;
}

/** The content of a plain file. @throws UserError with the path where it cannot be read, or is longer than it may be */
export async function readBytes(path: string, { most, ...options }: ReadOptions): Promise<Buffer> {
  const handle = await openPlainFile(path, options);
  try {
    const { size } = await handle.stat();
    // Files of /proc have no size, and others may grow meanwhile: so what is read is bounded, not only what is
    // promised.
    const bytes = size > most ? null : await readAtMost(handle, most, size);
    if (bytes && bytes.length <= most) return bytes;
    throw new UserError(`Cannot read ${path}: it has ${Math.max(size, most + 1)} bytes, at most ${most} are read.`);
  } catch (error) {
    if (error instanceof UserError) throw error;
    return failToRead(path, error as NodeJS.ErrnoException);
  } finally {
    await handle.close();
  }
}

/** The first 4096 bytes of a plain file, or all where it is shorter. @throws UserError where it cannot be opened */
export async function readStart(path: string): Promise<Buffer> {
  const handle = await openPlainFile(path).catch((error: Error) => {
    throw new UserError(`${path} cannot be opened (${error.message}).`);
  });
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4096), 0, 4096, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** The text of a plain UTF-8 file. @throws UserError as `readBytes` */
export async function readText(path: string, options: ReadOptions): Promise<string> {
  return (await readBytes(path, options)).toString('utf8');
}

/**
 * The JSON object in a plain file, whose containers stand at most `depth` deep.
 *
 * @throws UserError with the path where it cannot be read, is longer or deeper than it may be, or no JSON object
 */
export async function readJson(path: string, { depth, ...options }: ReadOptions & { depth: number }): Promise<object> {
  return parseShallowJson(await readBytes(path, options), depth, path);
}

/** Parses a text as JSON; undefined where it is none, and the schema's message then says so. */
export function parseJson(text: string): unknown {
  return parseShallow(text, 32);
}

/** Whether there is anything at a path, where a link leads. */
export function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/**
 * Windows has no flag that opens without following, so there the path is looked at before.
 * @throws what the other systems throw on opening a link
 */
export async function assertNoLink(path: string): Promise<void> {
  if (constants.O_NOFOLLOW !== undefined) return;
  const isLink = (await lstat(path).catch(() => null))?.isSymbolicLink() ?? false;
  if (isLink) throw Object.assign(new Error('it is a link'), { code: 'ELOOP' });
}

/**
 * The system's reason, as in `EACCES: permission denied`, without the call and the path that Node puts behind it: that
 * may be the path of a temporary file.
 */
export function systemReason({ message }: Error): string {
  return message.replace(/^(E[A-Z\d]+: .*), \w+(?: '.*')?$/s, '$1');
}

/** @throws UserError with the path and, as its cause, what the system said */
export function failToRead(path: string, error: NodeJS.ErrnoException): never {
  if (error.code === undefined) throw error;
  const reason =
    error.code === 'ENOENT'
      ? 'there is no such file'
      : error.code === 'ELOOP'
        ? 'it is a link, and links are not followed here'
        : systemReason(error);
  throw new UserError(`Cannot read ${path}: ${reason}.`, { cause: error });
}

/** Up to one byte more than `most`, so that the caller sees that there is more. */
async function readAtMost(handle: FileHandle, most: number, size: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (let total = 0; total <= most; ) {
    const chunk = Buffer.allocUnsafe(Math.min(Math.max(size - total, 2 ** 16), most + 1 - total));
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, null);
    if (bytesRead === 0) break;
    chunks.push(chunk.subarray(0, bytesRead));
    total += bytesRead;
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}
