import { lstat } from 'node:fs/promises';
import { dirname, relative, sep } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { cached, type FolderCache, privateFolder } from '../cache-folder.ts';
import { type Checksum, type Digests, digestsOf } from '../checksum.ts';
import { withLock } from '../lock.ts';
import { download, type Patience } from './download.ts';
import {
  algorithmsOf,
  assertSha256,
  type Expectation,
  expectationsOf,
  readPin,
  unmet,
  writePin,
} from './expectations.ts';
import { hubFromEnvironment, isOnHub, type Place, placeOf } from './place.ts';
import type { Bounds } from './transfer.ts';

export interface FetchOptions {
  /** The cache for downloads. Default: `defaultCache()`; null: none, so that nothing can be downloaded. */
  readonly cache?: FolderCache | null;
  /** Whether only the cache is used. Default: false, and for the Hugging Face hub `HF_HUB_OFFLINE`. */
  readonly offline?: boolean;
  /** An address or a folder instead of the publishers' hosts, see `placeOf`; null: none. Default: `GRAFT_MIRROR`. */
  readonly mirror?: string | null;
  /**
   * The SHA-256 that the file must have, 64 hexadecimal digits, besides what is published. Where nothing is published,
   * and without this, the file must be what it was when it was downloaded first.
   */
  readonly expectSha256?: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: DownloadProgress) => void;
  /** Hears, in a sentence, of a file in the cache that is not used. */
  readonly onNote?: (note: string) => void;
  readonly patience?: Patience;
}

/** The progress of a download. `waiting`: another process is downloading the same file. */
export interface DownloadProgress {
  readonly stage: 'waiting' | 'downloading';
  /** Bytes, with what earlier attempts brought. */
  readonly done: number;
  /** Null where nobody says. */
  readonly total: number | null;
}

/** A file that somebody publishes, and where it belongs. */
export interface PublishedFile {
  /** The file's name in messages. */
  readonly name: string;
  readonly url: string;
  /** The folder of the cache that `path` is in. */
  readonly cache: string;
  readonly path: string;
  readonly bounds: Bounds;
  readonly checksum: Checksum | null;
  /** Refuses what is no such file, where its content is not known in advance. @throws UserError with the reason */
  readonly accept?: (path: string) => Promise<void>;
  /** Advice where it cannot be downloaded, besides other mirrors. */
  readonly byHand: string;
}

/** The state of a file in the cache: usable, or why not; null where there is none. */
type CachedFile = { readonly digests: Digests } | { readonly problem: string | null };

/**
 * Makes sure that the file is in the cache, whole and the right one, and downloads it where it is not. Its content is
 * hashed whenever it is asked for, so that damage is noticed; that takes a tenth of a second for 100 MB.
 *
 * @returns the SHA-256, if nothing else is published to know it by
 * @throws UserError that says what failed, where the file is published, where to put it by hand, and the flag that
 * takes it
 */
export async function fetchFile(file: PublishedFile, options: FetchOptions): Promise<Digests> {
  const { mirror = process.env.GRAFT_MIRROR, expectSha256, signal, onProgress, onNote } = options;
  assertSha256(expectSha256);
  const hub = isOnHub(file.url) ? hubFromEnvironment(process.env) : null;
  const place = placeOf(file.url, { mirror: mirror || null, hub });
  const offline = options.offline || hub?.offline;
  try {
    await privateFolder(file.cache, ...relative(file.cache, dirname(file.path)).split(sep));
    const look = await inCache(file, options);
    if ('digests' in look) return look.digests;
    if (offline && place.kind === 'address') {
      const why = look.problem === null ? '' : ` (what is there is not used: ${look.problem})`;
      throw new UserError(`it is not in the cache${why}, and the network is not to be used`);
    }
    if (look.problem !== null) onNote?.(`${file.path} is not used: ${look.problem}. It is downloaded anew.`);
    const onWait = () => onProgress?.({ stage: 'waiting', done: 0, total: null });
    const bring = async (lost: AbortSignal) => {
      // Another process may have brought the file before.
      const again = await inCache(file, options);
      return 'digests' in again ? again.digests : downloaded(file, place, { ...options, lost });
    };
    return await withLock(file.path, bring, { signal, onWait });
  } catch (error) {
    throw explained(error, file, place);
  }
}

async function expectationsFor(
  { path, checksum }: PublishedFile,
  { expectSha256 }: FetchOptions,
): Promise<readonly Expectation[]> {
  const pinned = isPinned(checksum) ? await readPin(path) : undefined;
  return expectationsOf(checksum, { expected: expectSha256, pinned });
}

/** Whether the published checksum identifies the file by itself. */
function isKnown(checksum: Checksum | null): boolean {
  return checksum !== null && (checksum.algorithm === 'md5' || checksum.digest.length === 64);
}

/** Whether the first download decides which file the next one must be. A full MD5, as some datasets have, is enough. */
function isPinned(checksum: Checksum | null): boolean {
  return checksum?.algorithm !== 'md5';
}

async function inCache(file: PublishedFile, options: FetchOptions): Promise<CachedFile> {
  const { path, checksum, accept } = file;
  if (!(await lstat(path).catch(() => null))) return { problem: null };
  try {
    const expectations = await expectationsFor(file, options);
    const digests = await digestsOf(path, algorithmsOf(expectations), cached);
    const problem = unmet(expectations, digests);
    if (problem !== undefined) return { problem: `the file ${problem}` };
    // Put there by hand, or by an older version.
    if (expectations.length === 0) await accept?.(path);
    if (isPinned(checksum)) await pin(path, digests);
    return { digests };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { problem: error.message.replace(/\.$/, '') };
  }
}

/** Downloads the file; called by the holder of the lock. */
async function downloaded(
  file: PublishedFile,
  place: Place,
  { lost, ...options }: FetchOptions & { readonly lost: AbortSignal },
): Promise<Digests> {
  const { path, bounds, checksum, accept } = file;
  const { signal, onProgress, patience } = options;
  const digests = await download(place, path, {
    bounds,
    patience,
    accept: isKnown(checksum) ? undefined : accept,
    expectations: await expectationsFor(file, options),
    signal: signal ? AbortSignal.any([signal, lost]) : lost,
    onProgress: (done, total) => onProgress?.({ stage: 'downloading', done, total }),
  });
  if (isPinned(checksum)) await pin(path, digests);
  return digests;
}

async function pin(path: string, { sha256 }: Digests): Promise<void> {
  if (sha256 !== undefined && (await readPin(path)) !== sha256) await writePin(path, sha256);
}

/** An error of the network, the mirror or the disk with advice; any other as it is. */
function explained(error: unknown, { name, url, path, byHand }: PublishedFile, place: Place): unknown {
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  if (code !== undefined && syscall !== undefined) {
    return new UserError(`${name} cannot be stored: ${message}. GRAFT_CACHE chooses another folder.`, { cause: error });
  }
  if (!(error instanceof UserError)) return error;
  const tried = place.kind === 'file' ? place.path : place.url.href;
  const lines = [
    `${name} cannot be had: ${message}.`,
    `  published at  ${url}`,
    ...(tried === url ? [] : [`  looked for    ${tried}`]),
    `  belongs at    ${path}`,
    `${byHand} \`mirror\` takes another address or a folder.`,
  ];
  return new UserError(lines.join('\n'), { cause: error });
}
