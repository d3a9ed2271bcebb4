import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import { defaultCache } from '../../cache/folder-cache.ts';
import type { Member } from '../../files/archives/member.ts';
import { tarMembers } from '../../files/archives/tar.ts';
import { gunzip } from '../../files/archives/unpack.ts';
import { zipMembers } from '../../files/archives/zip.ts';
import { cached, type FolderCache } from '../../files/cache-folder.ts';
import { type FetchOptions, fetchFile } from '../../files/download/fetch-file.ts';
import { openPlainFile, readBytes } from '../../files/read.ts';
import { readWithin } from '../../files/within.ts';
import { assertFree, makeFolder } from '../../files/write.ts';
import type { OpenFile, PlacedImage, PublicFile, PublicSet } from './public-set.ts';

export interface GetOptions extends FetchOptions {
  /** Called after each image that was written. */
  readonly onImage?: (done: number, total: number) => void;
}

/** The result of getting a public dataset. */
export interface GottenSet {
  readonly folder: string;
  readonly images: number;
  /** The archives, which stay in the cache. */
  readonly files: readonly string[];
}

/**
 * Brings a public dataset to `folder`, which appears when it is complete. Its archives are checked, and stay in the
 * cache.
 *
 * @throws UserError where a file cannot be had or is not what it should be, or `folder` is in the way
 */
export async function getPublicSet(set: PublicSet, folder: string, options: GetOptions = {}): Promise<GottenSet> {
  await assertFree(folder);
  if (options.expectSha256 !== undefined && set.files.length > 1) {
    throw new OptionError({
      option: 'expectSha256',
      expected: `nothing, since ${set.name} has ${set.files.length} files`,
      received: options.expectSha256,
      problem: ` is of one file, and ${set.name} has ${set.files.length}. Leave it out.`,
    });
  }
  const files: string[] = [];
  for (const file of set.files) files.push(await fetchPublic(set, file, options));
  return makeFolder(folder, async (growing) => {
    const unpacked = join(growing, '.unpacked');
    await mkdir(unpacked);
    const opened = files.map((path) => openFile(path, unpacked));
    const images = await writeAll(set, opened, growing, options);
    await rm(unpacked, { recursive: true });
    return { folder, images, files };
  });
}

/** The path of an archive in a cache. */
export function publicFilePath({ name }: PublicSet, { url }: PublicFile, { folder }: FolderCache): string {
  return join(folder, 'datasets', name, new URL(url).pathname.split('/').at(-1)!);
}

async function fetchPublic(set: PublicSet, file: PublicFile, options: GetOptions): Promise<string> {
  const { url, checksum, megabytes } = file;
  const { cache = defaultCache() } = options;
  if (cache === null) throw new UserError(`${set.name} cannot be downloaded: there is no cache.`);
  const path = publicFilePath(set, file, cache);
  const bounds = { least: 1, most: 2 * megabytes * 1e6 };
  const byHand = 'Put the file there by hand.';
  await fetchFile(
    { name: set.name, url, cache: cache.folder, path, bounds, checksum, accept: assertArchive, byHand },
    options,
  );
  return path;
}

/** @throws UserError where a file that has no published checksum is no archive */
async function assertArchive(path: string): Promise<void> {
  const head = await headOf(path);
  if (head.startsWith('\x1f\x8b')) return; // unpacking says the rest
  const members = await (head.startsWith('PK') ? zipMembers : tarMembers)(path);
  if (members.length === 0) throw new UserError('It is no archive, or an empty one.');
}

/** The longest list, in bytes: lists of labels are read as a whole. */
const longestList = 100_000_000;

/** An archive, by its first bytes. What is gzipped is unpacked into `unpacked` when it is asked for. */
function openFile(path: string, unpacked: string): OpenFile {
  const target = async (purpose: string) => {
    const name = join(unpacked, `${purpose}-${(await stat(path)).ino}`);
    await rm(name, { force: true });
    return name;
  };
  return {
    read: () => readBytes(path, { ...cached, most: longestList }),
    async members() {
      const head = await headOf(path);
      if (head.startsWith('PK')) return zipMembers(path);
      if (!head.startsWith('\x1f\x8b')) return tarMembers(path);
      const tar = await target('tar');
      await gunzip(path, tar);
      return tarMembers(tar);
    },
    async inner(member) {
      const inside = await target('inner');
      await writeFile(inside, await contentOf(member));
      return openFile(inside, unpacked);
    },
  };
}

async function headOf(path: string): Promise<string> {
  const file = await openPlainFile(path, cached);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await file.close();
  }
}

async function writeAll(
  set: PublicSet,
  files: readonly OpenFile[],
  into: string,
  options: GetOptions,
): Promise<number> {
  let images = 0;
  for await (const { to, content } of set.arrange(files)) {
    options.signal?.throwIfAborted();
    assertSafe(set, to);
    // A set whose archives grew is another set, and a bomb is none.
    if (++images > 2 * set.images)
      throw new UserError(`${set.name}: there are more than twice as many images as it has.`);
    const path = join(into, to);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, await bytesOf(content), { flag: 'wx' });
    options.onImage?.(images, set.images);
  }
  if (images === 0) throw new UserError(`${set.name}: its archives hold no images where they should be.`);
  return images;
}

function bytesOf(content: PlacedImage['content']): Promise<Uint8Array> | Uint8Array {
  return content instanceof Uint8Array ? content : contentOf(content);
}

/** @throws UserError where a member is refused, or damaged */
async function contentOf({ name, within, refusal }: Member): Promise<Buffer> {
  if (refusal || !within)
    throw new UserError(`${name} cannot be unpacked: ${refusal?.message ?? 'it has no content'}.`);
  try {
    return readWithin(within);
  } catch (error) {
    throw new UserError(`${name} cannot be unpacked: ${(error as Error).message}.`, { cause: error });
  }
}

/** Names come out of archives. */
function assertSafe({ name }: PublicSet, to: string): void {
  if (to.split('/').some((level) => level === '' || level.startsWith('.') || /[\\:\p{Cc}]/u.test(level))) {
    throw new UserError(`${name}: its archive has a file called ${JSON.stringify(to)}, which is not written.`);
  }
}
