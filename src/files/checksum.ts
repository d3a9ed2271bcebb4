import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import writeFileAtomic from 'write-file-atomic';
import { z } from 'zod';

/**
 * Beside every file whose bytes were counted and hashed stands `<file>.json`, which says so: a file that has not been
 * touched since need not be hashed again.
 */
const recordSchema = z.object({ sha256: z.string(), bytes: z.number(), modified: z.number() });

/** The checksum of a file in the cache, whoever put it there; undefined where there is none. */
export async function cachedSha256(path: string): Promise<string | undefined> {
  const facts = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (!facts?.isFile()) return undefined;
  const record = await readRecord(path);
  if (record?.bytes === facts.size && record.modified === facts.mtimeMs) return record.sha256;
  return recordSha256(path);
}

/** Hashes a file and writes the record of it. */
export async function recordSha256(path: string): Promise<string> {
  const sha256 = await sha256Of(path);
  const { size: bytes, mtimeMs: modified } = await stat(path);
  // A cache that others filled and we may only read costs the time to hash again, nothing more.
  await writeFileAtomic(`${path}.json`, `${JSON.stringify({ sha256, bytes, modified })}\n`).catch(() => {});
  return sha256;
}

async function readRecord(path: string): Promise<z.output<typeof recordSchema> | undefined> {
  try {
    return recordSchema.parse(JSON.parse(await readFile(`${path}.json`, 'utf8')));
  } catch {
    return undefined;
  }
}

/** What a publisher says of a file, in hexadecimal; of `sha256` perhaps only how it begins. */
export interface Checksum {
  readonly algorithm: 'sha256' | 'md5';
  readonly digest: string;
}

export function sha256Of(path: string): Promise<string> {
  return digestOf(path, 'sha256');
}

export async function digestOf(path: string, algorithm: Checksum['algorithm']): Promise<string> {
  const hash = createHash(algorithm);
  await pipeline(createReadStream(path, { highWaterMark: 2 ** 20 }), hash);
  return hash.digest('hex');
}
