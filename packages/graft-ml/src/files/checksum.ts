import { createHash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import { type OpenOptions, openPlainFile } from './read.ts';

/** The checksum that a file must have, in hexadecimal; of `sha256` perhaps only its first digits. */
export interface Checksum {
  readonly algorithm: 'sha256' | 'md5';
  readonly digest: string;
}

export type Digests = Readonly<Partial<Record<Checksum['algorithm'], string>>>;

export async function sha256Of(path: string, options: OpenOptions = {}): Promise<string> {
  return (await digestsOf(path, ['sha256'], options)).sha256!;
}

/** Computes all digests in one pass, as large files take long to read. @throws UserError where it is no plain file */
export async function digestsOf(
  path: string,
  algorithms: Iterable<Checksum['algorithm']>,
  options: OpenOptions = {},
): Promise<Digests> {
  const hashes = [...new Set(algorithms)].map((algorithm) => [algorithm, createHash(algorithm)] as const);
  const handle = await openPlainFile(path, options);
  await pipeline(handle.createReadStream({ highWaterMark: 2 ** 20 }), async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) for (const [, hash] of hashes) hash.update(chunk);
  });
  return Object.fromEntries(hashes.map(([algorithm, hash]) => [algorithm, hash.digest('hex')]));
}

/** CRC-32, which sees damage, but nothing that someone did on purpose: four times as fast as SHA-256. */
export async function crc32Of(path: string, options: OpenOptions = {}): Promise<number> {
  const handle = await openPlainFile(path, options);
  let sum = 0;
  await pipeline(handle.createReadStream({ highWaterMark: 2 ** 20 }), async (chunks: AsyncIterable<Buffer>) => {
    for await (const chunk of chunks) sum = crc32(chunk, sum);
  });
  return sum;
}
