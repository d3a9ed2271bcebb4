import type { FileHandle } from 'node:fs/promises';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { type OpenOptions, openPlainFile } from './read.ts';

/** A file that is read piece by piece. */
export interface RandomAccessFile {
  readonly path: string;
  /** The size in bytes. */
  readonly size: number;
  /** `length` bytes from `position` on, in memory of their own. @throws UserError where the file does not have them */
  read(position: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** Small reads are served from a window this long: headers follow one another. */
const windowBytes = 2 ** 18;
const smallBytes = 2 ** 12;
/** Node reads at most 2^31 - 1 bytes at a time. */
const longestRead = 2 ** 30;

/** Opens the file at `path` for as long as `use` takes. @throws UserError with the path where that fails */
export async function withFile<T>(
  path: string,
  use: (file: RandomAccessFile) => Promise<T>,
  options: OpenOptions = {},
): Promise<T> {
  const handle = await openPlainFile(path, options);
  try {
    return await use(randomAccess(path, handle, (await handle.stat()).size));
  } finally {
    await handle.close();
  }
}

/** Bytes in memory, as a file. */
export function bytesAsFile(path: string, bytes: Uint8Array): RandomAccessFile {
  return {
    path,
    size: bytes.length,
    async read(position, length) {
      if (position + length > bytes.length) throw new UserError(`It ends after ${bytes.length} bytes.`);
      return Uint8Array.from(bytes.subarray(position, position + length));
    },
  };
}

function randomAccess(path: string, handle: FileHandle, size: number): RandomAccessFile {
  let window = { start: 0, bytes: new Uint8Array(0) };

  async function fill(position: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = allocate(length);
    for (let done = 0; done < length; ) {
      const count = Math.min(length - done, longestRead);
      const { bytesRead } = await handle.read(bytes, done, count, position + done);
      if (bytesRead === 0) throw new UserError('It became shorter while it was read.');
      done += bytesRead;
    }
    return bytes;
  }

  return {
    path,
    size,
    async read(position, length) {
      if (!(Number.isSafeInteger(position) && position >= 0 && length >= 0 && position + length <= size)) {
        throw new UserError(`Bytes ${position} to ${position + length} of a file of ${size} bytes are asked for.`);
      }
      if (length > smallBytes) return fill(position, length);
      const { start, bytes } = window;
      if (position < start || position + length > start + bytes.length) {
        window = { start: position, bytes: await fill(position, Math.min(windowBytes, size - position)) };
      }
      const from = position - window.start;
      return window.bytes.slice(from, from + length);
    },
  };
}

/**
 * More than this is only taken where it is there: systems promise memory that they do not have, and then end the
 * process.
 */
const unasked = 2 ** 28;

function allocate(length: number): Uint8Array<ArrayBuffer> {
  const free = length > unasked ? process.availableMemory() : length;
  if (length > free) throw new UserError(`There is no memory for ${length} bytes: ${free} are free.`);
  try {
    return new Uint8Array(length);
  } catch (cause) {
    throw new UserError(`There is no memory for ${length} bytes in one piece.`, { cause });
  }
}
