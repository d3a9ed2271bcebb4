import type { FileHandle } from 'node:fs/promises';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { parseShallowJson } from '@graft-ml/core/internal/base/shallow-json';
import { z } from 'zod';
import { cached, createPrivateFile } from '../../files/cache-folder.ts';
import { openPlainFile } from '../../files/read.ts';

/**
 * Images that were unpacked: their bytes one after the other, then the list of them as JSON, then the length of that as
 * a 64-bit number. One file, so that it is there as a whole or not at all.
 */
const entrySchema = z.object({
  name: z.string(),
  label: z.string(),
  start: z.int().min(0),
  length: z.int().min(0),
});

/** The longest list, in bytes: a million and a half rows with long names. */
const longestList = 2 ** 29;
const listDepth = 3;

export type PackEntry = z.output<typeof entrySchema>;

const packSchema = z.object({ note: z.string(), entries: z.array(entrySchema) });

export type PackList = z.output<typeof packSchema>;

/** Writes a pack entry by entry. */
export class PackWriter {
  readonly #handle: FileHandle;
  readonly #entries: PackEntry[] = [];
  #position = 0;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  static async create(path: string): Promise<PackWriter> {
    return new PackWriter(await createPrivateFile(path));
  }

  async add(name: string, label: string, bytes: Uint8Array): Promise<void> {
    this.#entries.push({ name, label, start: this.#position, length: bytes.length });
    await this.#write(bytes);
  }

  async finish(note: string): Promise<void> {
    const list = Buffer.from(JSON.stringify({ note, entries: this.#entries } satisfies PackList));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(list.length));
    await this.#write(list);
    await this.#write(length);
    await this.#handle.sync();
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  async #write(bytes: Uint8Array): Promise<void> {
    await this.#handle.writeFile(bytes);
    this.#position += bytes.length;
  }
}

/** Reads the list of a pack's content. @throws UserError where it is damaged */
export async function readPackList(path: string): Promise<PackList> {
  const handle = await openPlainFile(path, cached);
  try {
    const { size } = await handle.stat();
    const length = await readAt(handle, size - 8, 8);
    const bytes = Number(length.readBigUInt64LE());
    if (bytes > Math.min(size - 8, longestList)) throw new RangeError('its list is longer than the file, or than any');
    return packSchema.parse(parseShallowJson(await readAt(handle, size - 8 - bytes, bytes), listDepth, 'The list'));
  } catch (cause) {
    throw new UserError(`${path} is damaged. Remove it: it is made again.`, { cause });
  } finally {
    await handle.close();
  }
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await handle.read(bytes, 0, length, position);
  if (bytesRead < length) throw new RangeError('it is cut short');
  return bytes;
}
