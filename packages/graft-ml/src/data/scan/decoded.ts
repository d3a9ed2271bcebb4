import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { ImageDecoder } from '@graft-ml/core/internal/image/decoder';
import { cached, type FolderCache, privateFolder, privateMode } from '../../files/cache-folder.ts';
import { isTrustedOwner, readBytes } from '../../files/read.ts';

/** Another number for another way to decode. */
const version = 1;
/** The SHA-256 of a file's content, and a CRC-32 of that: what a torn write leaves matches nothing. */
const record = { hash: 32, bytes: 36 } as const;
/** Two million images. A longer record is begun anew. */
const longest = 2e6 * record.bytes;

/**
 * The files that are known to decode, by their content. A record that cannot be read or written costs only another
 * decoding.
 */
export interface DecodedContents {
  has(sha256: string): boolean;
  /** Keeps these for later runs. */
  add(contents: Iterable<string>): Promise<void>;
}

/**
 * The files that this decoder has decoded before, from the cache; without a cache none, and nothing is kept. Another
 * version of the decoder begins anew.
 */
export async function readDecoded(
  cache: FolderCache | null,
  { identity }: Pick<ImageDecoder, 'identity'>,
): Promise<DecodedContents> {
  if (cache === null) return { has: () => false, add: async () => {} };
  const { folder: root } = cache;
  const decoder = /^[\w.-]{1,60}$/.test(identity) ? identity : createHash('sha256').update(identity).digest('hex');
  const name = `decoded-${version}-${decoder}.bin`;
  const known = await readRecords(join(root, 'images', name));
  return {
    has: (sha256) => known.has(sha256),
    async add(contents) {
      const fresh = [...new Set(contents)].filter((sha256) => !known.has(sha256));
      if (fresh.length === 0) return;
      for (const sha256 of fresh) known.add(sha256);
      const isFull = (known.size + fresh.length) * record.bytes > longest;
      await append(root, name, fresh, isFull).catch(() => {}); // a read-only or full disk: decoded again next time
    },
  };
}

async function readRecords(path: string): Promise<Set<string>> {
  const known = new Set<string>();
  const bytes = await readBytes(path, { most: longest, ...cached }).catch(() => Buffer.alloc(0));
  for (let at = 0; at + record.bytes <= bytes.length; at += record.bytes) {
    const hash = bytes.subarray(at, at + record.hash);
    if (crc32(hash) === bytes.readUInt32LE(at + record.hash)) known.add(hash.toString('hex'));
  }
  return known;
}

async function append(root: string, name: string, contents: readonly string[], isFull: boolean): Promise<void> {
  const bytes = Buffer.alloc(contents.length * record.bytes);
  contents.forEach((sha256, i) => {
    const hash = Buffer.from(sha256, 'hex');
    hash.copy(bytes, i * record.bytes);
    bytes.writeUInt32LE(crc32(hash), i * record.bytes + record.hash);
  });
  const path = join(await privateFolder(root, 'images'), name);
  const safely = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | safely;
  const handle = await open(path, flags, privateMode.file);
  try {
    const status = await handle.stat();
    if (!status.isFile() || status.nlink > 1 || !isTrustedOwner(status)) return;
    // A torn write, as on a full disk, would put all records after it out of step.
    await handle.truncate(isFull ? 0 : status.size - (status.size % record.bytes));
    await handle.write(bytes);
  } finally {
    await handle.close();
  }
}
