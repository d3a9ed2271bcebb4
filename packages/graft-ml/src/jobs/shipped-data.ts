import { createHash } from 'node:crypto';
import { lstat, mkdir, opendir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { printableName } from '@graft-ml/core/internal/base/printable';
import { z } from 'zod';
import { privateFolder, privateMode } from '../files/cache-folder.ts';
import { withLock } from '../files/lock.ts';
import { exists, openPlainFile, parseJson } from '../files/read.ts';
import { growBytes, makeFolders, replaceFile, wrapWriteErrors } from '../files/write.ts';
import type { DataReference } from './job.ts';
import type { ObjectStore } from './object-store.ts';

/** The size of a pack in bytes: an image is a hundredth of it, and a request costs as much time as some megabytes. */
const packBytes = 2 ** 24;
const mostFiles = 1_000_000;
const longestManifest = 2 ** 28;

const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);
const countSchema = z.int().min(0);

/**
 * A folder or a file as it lies in a store: its files one after the other, in the order of their paths, cut into packs
 * of equal size (the last is shorter).
 */
const manifestSchema = z.object({
  graft: z.literal('data-1'),
  kind: z.enum(['folder', 'file']),
  packBytes: z.int().min(1).max(packBytes),
  packs: z.array(sha256Schema),
  files: z.array(z.object({ path: z.string(), bytes: countSchema, sha256: sha256Schema })).max(mostFiles),
  /** Folders with nothing in them: an empty class is one, too. */
  emptyFolders: z.array(z.string()).max(mostFiles),
});

type Manifest = z.output<typeof manifestSchema>;
type ShippedFile = Manifest['files'][number];

const packKey = (sha256: string) => `data/packs/${sha256.slice(0, 2)}/${sha256}`;
const manifestKey = (sha256: string) => `data/manifests/${sha256}`;

/**
 * Puts a dataset or a file into a store, by its content: what is there already is not sent again. Links are left out,
 * and so are hidden files, which no dataset has images in.
 *
 * @throws UserError where nothing is at `path`, a file of it cannot be read, or it has more files than can be shipped
 */
export async function shipData(store: ObjectStore, path: string): Promise<DataReference> {
  const status = await lstatTarget(path);
  const isFolder = status.isDirectory();
  const found = isFolder ? await filesBelow(path) : { files: [basename(path)], emptyFolders: [] };
  const packs = packWriter(store);
  const files: ShippedFile[] = [];
  for (const each of found.files) {
    files.push({ path: each, ...(await packs.add(isFolder ? join(path, each) : path)) });
  }
  const manifest: Manifest = {
    graft: 'data-1',
    kind: isFolder ? 'folder' : 'file',
    packBytes,
    packs: [...(await packs.end())],
    files,
    emptyFolders: [...found.emptyFolders],
  };
  const content = Buffer.from(JSON.stringify(manifest));
  if (content.length > longestManifest) throw new UserError(tooMany(path));
  const sha256 = createHash('sha256').update(content).digest('hex');
  // Last, so that whoever finds it finds its packs.
  if (!(await store.has(manifestKey(sha256)))) await store.put(manifestKey(sha256), content);
  return { path: resolve(path), sha256 };
}

async function lstatTarget(path: string) {
  const status = await lstat(path).catch((cause: Error) => {
    throw new UserError(`${path} cannot be sent to the store: ${cause.message}.`, { cause });
  });
  if (status.isSymbolicLink()) throw new UserError(`${path} is a link. Name what it leads to.`);
  if (!status.isDirectory() && isList(path)) {
    throw new UserError(
      `${path} is a list of files beside it, which are not sent with it. Name it metadata.csv or metadata.jsonl, and ` +
        'pass the folder.',
    );
  }
  return status;
}

/** Whether a file is a table with paths of others. */
function isList(path: string): boolean {
  return /\.(csv|tsv|txt|jsonl?)$/i.test(path);
}

interface FoundFiles {
  /** Paths below the folder, with '/' between their parts, in code unit order. */
  readonly files: readonly string[];
  readonly emptyFolders: readonly string[];
}

async function filesBelow(root: string): Promise<FoundFiles> {
  const files: string[] = [];
  const emptyFolders: string[] = [];
  const visit = async (folder: string): Promise<void> => {
    let count = 0;
    const below: string[] = [];
    for await (const entry of await opendir(join(root, folder))) {
      if (entry.name.startsWith('.')) continue;
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (!entry.isDirectory() && !entry.isFile()) continue;
      count++;
      assertShippable(path);
      if (entry.isDirectory()) below.push(path);
      else if (files.push(path) > mostFiles) throw new UserError(tooMany(root));
    }
    if (count === 0 && folder !== '') emptyFolders.push(folder);
    for (const path of below) await visit(path);
  };
  await visit('').catch((error: Error) => {
    if (error instanceof UserError) throw error;
    throw new UserError(`${root} cannot be sent to the store: ${error.message}.`, { cause: error });
  });
  return { files: files.sort(), emptyFolders: emptyFolders.sort() };
}

function tooMany(path: string): string {
  return `${path} has more than ${mostFiles} files, or too long names for so many. Put them into archives or Parquet files.`;
}

/** @throws UserError where a worker would not write a file of this name */
function assertShippable(path: string): void {
  if (isSafePath(path)) return;
  throw new UserError(`${printableName(path)} cannot be sent to other machines: a worker would not write such a name.`);
}

/** Whether a path, with '/' between its parts, leads below a folder and to an ordinary file of this system. */
function isSafePath(path: string): boolean {
  return path.length <= 1000 && path.split('/').every(isSafePart);
}

function isSafePart(part: string): boolean {
  // Empty, hidden, or with a separator of another system in it.
  if (/^$|^\.|\\|\0/.test(part)) return false;
  // Streams of a file, devices, and names that are those of other files, too.
  return process.platform !== 'win32' || !/[:*?"<>|]|[. ]$|^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(part);
}

/** One text for all names that are one file on some disk. */
function diskName(path: string): string {
  return path.normalize('NFC').toLowerCase();
}

/** Writes files one after the other into packs, and sends those that the store does not have. */
function packWriter(store: ObjectStore) {
  const pack = Buffer.allocUnsafe(packBytes);
  const packs: string[] = [];
  let filled = 0;

  async function send(): Promise<void> {
    if (filled === 0) return;
    const content = pack.subarray(0, filled);
    const sha256 = createHash('sha256').update(content).digest('hex');
    if (!(await store.has(packKey(sha256)))) await store.put(packKey(sha256), content);
    packs.push(sha256);
    filled = 0;
  }

  return {
    /** The file as it was read: whatever happens to it meanwhile, its hash is that of what was sent. */
    async add(path: string): Promise<{ bytes: number; sha256: string }> {
      const hash = createHash('sha256');
      let bytes = 0;
      const handle = await openPlainFile(path);
      try {
        for (;;) {
          const { bytesRead } = await handle.read(pack, filled, packBytes - filled, null);
          if (bytesRead === 0) break;
          hash.update(pack.subarray(filled, filled + bytesRead));
          bytes += bytesRead;
          filled += bytesRead;
          if (filled === packBytes) await send();
        }
      } finally {
        await handle.close();
      }
      return { bytes, sha256: hash.digest('hex') };
    },
    async end(): Promise<readonly string[]> {
      await send();
      return packs;
    },
  };
}

/** What a worker takes at most of one dataset. */
export interface FetchLimits {
  /** The most bytes of all its files together. Default: 1 TiB. */
  readonly mostBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The path on this machine of what `shipData` has put into a store. Each file is fetched once, checked against its hash
 * and then kept in the cache, which processes of one machine share.
 *
 * @param files paths below the folder, if not all of its files are needed
 * @throws UserError where the store does not have it, or something else under its name
 */
export async function fetchData(
  store: ObjectStore,
  sha256: string,
  cache: string,
  files?: readonly string[],
  { mostBytes = 2 ** 40, signal }: FetchLimits = {},
): Promise<string> {
  if (!sha256Schema.safeParse(sha256).success) throw new UserError(`${printableName(sha256)} is no SHA-256.`);
  const folder = join(await privateFolder(cache, 'data'), sha256);
  const complete = `${folder}.complete`;
  const manifest = await readManifest(store, sha256, mostBytes);
  const path = manifest.kind === 'folder' ? folder : join(folder, manifest.files[0]!.path);
  if (await exists(complete)) return path;
  const wanted = files && new Set(files);
  const unknown = files?.find((name) => !manifest.files.some((file) => file.path === name));
  if (unknown !== undefined) throw new UserError(`${printableName(unknown)} is no file of the dataset ${sha256}.`);
  await withLock(
    folder,
    async (lost) => {
      if (await exists(complete)) return;
      const stop = signal ? AbortSignal.any([signal, lost]) : lost;
      await wrapWriteErrors(folder, async () => {
        await makeFolders(folder, privateMode.folder);
        for (const empty of manifest.emptyFolders) await mkdir(join(folder, empty), { recursive: true });
        await fetchFiles(store, manifest, folder, { isWanted: (name) => wanted?.has(name) ?? true, signal: stop });
        if (wanted === undefined) await replaceFile(complete, '', { mode: privateMode.file });
      });
    },
    { signal, onWait: undefined },
  );
  return path;
}

/** @throws UserError where the manifest is not there, not the one of that hash, or not to be trusted with a disk */
async function readManifest(store: ObjectStore, sha256: string, mostBytes: number): Promise<Manifest> {
  const content = await store.get(manifestKey(sha256), longestManifest);
  if (content === null) {
    throw new UserError(
      `${store.place} does not have the dataset ${sha256}. Is it the store that the job was sent by?`,
    );
  }
  const problem = (text: string) => new UserError(`The dataset ${sha256} in ${store.place} is not used: ${text}.`);
  if (createHash('sha256').update(content).digest('hex') !== sha256) throw problem('it was changed');
  const parsed = manifestSchema.safeParse(parseJson(new TextDecoder().decode(content)));
  if (!parsed.success) throw problem('it is not a list of files of this version of Graft');
  const manifest = parsed.data;
  const paths = [...manifest.files.map(({ path }) => path), ...manifest.emptyFolders];
  const unsafe = paths.find((path) => !isSafePath(path));
  if (unsafe !== undefined) throw problem(`${printableName(unsafe)} is not a path below a folder`);
  // Two files that differ by case only are one file on many a disk.
  const names = new Set(paths.map(diskName));
  if (names.size !== paths.length) throw problem('two of its files have the same name, but for upper and lower case');
  for (const path of paths) {
    for (let above = dirname(path); above !== '.'; above = dirname(above)) {
      if (names.has(diskName(above))) throw problem(`${printableName(above)} is a file and a folder`);
    }
  }
  if (manifest.kind === 'file' && (manifest.files.length !== 1 || manifest.files[0]!.path.includes('/'))) {
    throw problem('it is not the one file that it says');
  }
  const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
  if (bytes > mostBytes) throw problem(`it has ${bytes} bytes, at most ${mostBytes} are taken`);
  if (Math.ceil(bytes / manifest.packBytes) !== manifest.packs.length) throw problem('its files and packs disagree');
  return manifest;
}

/** Writes the files that are wanted and not there yet. Those of one pack follow one another, so each is got once. */
async function fetchFiles(
  store: ObjectStore,
  manifest: Manifest,
  folder: string,
  { isWanted, signal }: { readonly isWanted: (path: string) => boolean; readonly signal: AbortSignal },
): Promise<void> {
  const read = packReader(store, manifest);
  let start = 0;
  for (const file of manifest.files) {
    const from = start;
    start += file.bytes;
    const target = join(folder, file.path);
    if (!isWanted(file.path) || (await isThere(target, file))) continue;
    signal.throwIfAborted();
    await makeFolders(dirname(target), privateMode.folder);
    await writeChecked(target, file, read(from, from + file.bytes));
  }
}

/** A file appears under its name when it is whole and has been checked, so its length tells. */
async function isThere(path: string, { bytes }: ShippedFile): Promise<boolean> {
  const status = await lstat(path).catch(() => null);
  return status?.isFile() === true && status.size === bytes;
}

/**
 * Writes one file, which appears under its name when all of it is there.
 * @throws UserError where its hash is another
 */
async function writeChecked(target: string, file: ShippedFile, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  await growBytes(target, async (append) => {
    const hash = createHash('sha256');
    for await (const piece of pieces) {
      hash.update(piece);
      await append(piece);
    }
    if (hash.digest('hex') === file.sha256) return;
    throw new UserError(`${printableName(file.path)} came from the store with another content than was sent there.`);
  });
}

/** Reads ranges of the packs, seen as one long file. The last pack is kept: the next file begins in it, too. */
function packReader(store: ObjectStore, { packs, packBytes: size }: Manifest) {
  let kept: { readonly index: number; readonly content: Uint8Array } | null = null;

  async function packAt(index: number): Promise<Uint8Array> {
    if (kept?.index === index) return kept.content;
    const sha256 = packs[index]!;
    const content = await store.get(packKey(sha256), size);
    if (content === null) throw new UserError(`${store.place} lacks ${packKey(sha256)}, a part of the dataset.`);
    kept = { index, content };
    return content;
  }

  return async function* read(start: number, end: number): AsyncGenerator<Uint8Array> {
    for (let at = start; at < end; ) {
      const index = Math.floor(at / size);
      const content = await packAt(index);
      const piece = content.subarray(at - index * size, end - index * size);
      if (piece.length === 0) throw new UserError(`${packKey(packs[index]!)} in ${store.place} is too short.`);
      yield piece;
      at += piece.length;
    }
  };
}
