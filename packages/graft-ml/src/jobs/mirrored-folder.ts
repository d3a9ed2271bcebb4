import { createHash } from 'node:crypto';
import { lstat, opendir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { printableName } from '@graft-ml/core/internal/base/printable';
import { z } from 'zod';
import { sha256Of } from '../files/checksum.ts';
import { parseJson, readBytes } from '../files/read.ts';
import { makeFolders, replaceFile, wrapWriteErrors } from '../files/write.ts';
import { plainName } from './object-key.ts';
import type { ObjectStore } from './object-store.ts';

/** A job's folder has a handful of files; the bounds are for what was not written by this program. */
const mostFiles = 10_000;
const longestManifest = 2 ** 24;
/** Bytes of one file. */
const longestFile = 2 ** 31 - 1;

const pathSchema = z.string().refine((path) => path.length <= 600 && path.split('/').every((part) => isKept(part)));
const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);

const manifestSchema = z.object({
  graft: z.literal('folder-1'),
  files: z
    .array(z.object({ path: pathSchema, bytes: z.int().min(0).max(longestFile), sha256: sha256Schema }))
    .max(mostFiles),
});

type Manifest = z.output<typeof manifestSchema>;
type MirroredFile = Manifest['files'][number];

/**
 * Copies of a folder in a store, one for each attempt at its job. An attempt writes below its own name only, so that a
 * process that was given up and still runs changes nothing that its successor has.
 */
export interface FolderMirror {
  /**
   * Sends what has changed since the last push: first the files, by content, and then the list of them, so that a
   * reader finds the state before or the state after it. Files that are no longer listed are removed.
   *
   * @returns the attempt; null where there was nothing to send yet, and nothing was
   */
  push(folder: string): Promise<string | null>;
}

/** @param prefix the job's place in the store @param attempt its name, greater than those of earlier attempts */
export function folderMirror(store: ObjectStore, prefix: string, attempt: string): FolderMirror {
  const place = `${prefix}/${attempt}`;
  let sent = new Map<string, MirroredFile>();
  let isFirst = true;
  return {
    async push(folder) {
      const files = await listFiles(folder);
      if (isFirst && files.length === 0) return null;
      const now = new Map(files.map((file) => [file.sha256, file]));
      for (const [sha256, file] of now) {
        if (!sent.has(sha256)) await sendFile(store, blobKey(place, sha256), join(folder, file.path), file);
      }
      const manifest: Manifest = { graft: 'folder-1', files };
      await store.put(manifestKey(place), Buffer.from(JSON.stringify(manifest)));
      for (const sha256 of sent.keys()) if (!now.has(sha256)) await store.remove(blobKey(place, sha256));
      sent = now;
      if (isFirst) await removeEarlier(store, prefix, attempt);
      isFirst = false;
      return attempt;
    },
  };
}

const blobKey = (place: string, sha256: string) => `${place}/files/${sha256}`;
const manifestKey = (place: string) => `${place}/folder.json`;

/** Temporary files and locks are of the process that has the folder, not of the folder. */
function isKept(name: string): boolean {
  return plainName.test(name) && !/\.tmp$|\.lock$|\.lock\./.test(name) && !name.startsWith('.');
}

async function listFiles(folder: string): Promise<MirroredFile[]> {
  const files: MirroredFile[] = [];
  const visit = async (inside: string): Promise<void> => {
    for await (const entry of await opendir(join(folder, inside))) {
      if (!isKept(entry.name)) continue;
      const path = inside === '' ? entry.name : `${inside}/${entry.name}`;
      if (entry.isDirectory()) await visit(path);
      if (!entry.isFile()) continue;
      const { size } = await lstat(join(folder, path));
      files.push({ path, bytes: size, sha256: await sha256Of(join(folder, path), { links: 'refuse' }) });
      if (files.length > mostFiles) throw new UserError(`${folder} has more than ${mostFiles} files.`);
    }
  };
  await visit('');
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** @throws UserError where the file changed meanwhile: a folder is pushed while nobody writes to it */
async function sendFile(store: ObjectStore, key: string, path: string, { bytes, sha256 }: MirroredFile): Promise<void> {
  const content = await readBytes(path, { most: longestFile, links: 'refuse' });
  if (content.length !== bytes || digestOf(content) !== sha256)
    throw new UserError(`${path} changed while it was sent.`);
  await store.put(key, content);
}

async function removeEarlier(store: ObjectStore, prefix: string, attempt: string): Promise<void> {
  for await (const key of store.list(`${prefix}/`)) {
    const [name] = key.slice(prefix.length + 1).split('/');
    if (name !== undefined && name < attempt) await store.remove(key);
  }
}

/** The latest attempt that a store has a complete copy of; null where there is none. */
export async function latestAttempt(store: ObjectStore, prefix: string): Promise<string | null> {
  let latest: string | null = null;
  for await (const key of store.list(`${prefix}/`)) {
    const [, name] = /^([\w.-]+)\/folder\.json$/.exec(key.slice(prefix.length + 1)) ?? [];
    if (name !== undefined && (latest === null || name > latest)) latest = name;
  }
  return latest;
}

/**
 * Makes a folder what it was when an attempt pushed it last: files are fetched where they differ, and removed where
 * they are no longer there.
 *
 * @throws UserError where the store has no such copy, or a damaged one
 */
export async function pullFolder(store: ObjectStore, prefix: string, attempt: string, folder: string): Promise<void> {
  const place = `${prefix}/${attempt}`;
  await wrapWriteErrors(folder, async () => {
    await makeFolders(folder);
    const { files } = await readManifest(store, place);
    const here = new Map((await listFiles(folder)).map((file) => [file.path, file]));
    const there = new Set(files.map(({ path }) => path));
    for (const path of here.keys()) if (!there.has(path)) await rm(join(folder, path));
    for (const file of files) {
      if (here.get(file.path)?.sha256 !== file.sha256) await fetchFile(store, place, file, folder);
    }
  });
}

async function readManifest(store: ObjectStore, place: string): Promise<Manifest> {
  const key = manifestKey(place);
  const content = await store.get(key, longestManifest);
  if (content === null) throw new UserError(`${store.place} has no ${key}.`);
  const parsed = manifestSchema.safeParse(parseJson(new TextDecoder().decode(content)));
  const isSound = parsed.success && new Set(parsed.data.files.map(({ path }) => path.toLowerCase())).size;
  if (!parsed.success || isSound !== parsed.data.files.length) {
    throw new UserError(`${key} in ${store.place} is not a list of files of this version of Graft.`);
  }
  return parsed.data;
}

async function fetchFile(store: ObjectStore, place: string, file: MirroredFile, folder: string): Promise<void> {
  const content = await store.get(blobKey(place, file.sha256), file.bytes);
  if (content === null || digestOf(content) !== file.sha256) {
    throw new UserError(
      `${printableName(file.path)} is ${content === null ? 'missing' : 'damaged'} in ${store.place}/${place}.`,
    );
  }
  const path = join(folder, file.path);
  await makeFolders(dirname(path));
  await replaceFile(path, content);
}

function digestOf(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
