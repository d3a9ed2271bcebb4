import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UserError } from '../../base/errors.ts';
import { cacheFolder } from '../../runtime/node/index.ts';
import type { WeightsEntry } from '../registry/entry.ts';
import { cachedSha256, cachePath, recordSha256 } from './cache.ts';
import { download, type Patience } from './download.ts';
import { withLock } from './lock.ts';
import { hubFromEnvironment, isOnHub, type Place, placeOf } from './place.ts';
import type { Bounds } from './transfer.ts';

export interface FetchOptions {
  /** The folder of everything that can be had again. Default: `cacheFolder()`. */
  readonly cache?: string;
  /** Only what is in the cache. Default: false, and for the Hugging Face hub `HF_HUB_OFFLINE`. */
  readonly offline?: boolean;
  /** An address or a folder instead of the publishers' hosts, see `placeOf`; null: none. Default: `GRAFT_MIRROR`. */
  readonly mirror?: string | null;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: DownloadProgress) => void;
  readonly patience?: Patience;
}

/** How far a download is. `waiting`: another process is downloading the same file. */
export interface DownloadProgress {
  readonly stage: 'waiting' | 'downloading';
  /** Bytes, with what earlier attempts brought. */
  readonly done: number;
  /** Null where nobody says. */
  readonly total: number | null;
}

/** A file in the cache. */
export interface FetchedWeights {
  readonly path: string;
  readonly sha256: string;
}

/**
 * The file of an entry, from the cache or else downloaded into it.
 *
 * @throws UserError that says what failed, where the file is published, where to put it by hand, and the flag that takes it
 */
export async function fetchWeights(entry: WeightsEntry, options: FetchOptions = {}): Promise<FetchedWeights> {
  const { cache = cacheFolder(), mirror = process.env.GRAFT_MIRROR, signal, onProgress } = options;
  const path = cachePath(entry, cache);
  const hub = isOnHub(entry.url) ? hubFromEnvironment(process.env) : null;
  const place = placeOf(entry.url, { mirror: mirror || null, hub });
  const offline = options.offline || hub?.offline;
  try {
    const found = await fromCache(entry, path);
    if (found) return found;
    if (offline && place.kind === 'address') {
      throw new UserError('it is not in the cache, and the network is not to be used');
    }
    await mkdir(dirname(path), { recursive: true });
    const onWait = () => onProgress?.({ stage: 'waiting', done: 0, total: null });
    return await withLock(path, (lost) => downloadUnlessThere(entry, place, path, { ...options, lost }), {
      signal,
      onWait,
    });
  } catch (error) {
    throw explained(error, entry, place, path);
  }
}

/** By the one who holds the lock; another process may have brought the file before. */
async function downloadUnlessThere(
  entry: WeightsEntry,
  place: Place,
  path: string,
  { lost, signal, onProgress, patience }: FetchOptions & { readonly lost: AbortSignal },
): Promise<FetchedWeights> {
  const found = await fromCache(entry, path);
  if (found) return found;
  await download(place, path, {
    bounds: boundsOf(entry),
    sha256: entry.sha256,
    signal: signal ? AbortSignal.any([signal, lost]) : lost,
    onProgress: (done, total) => onProgress?.({ stage: 'downloading', done, total }),
    patience,
  });
  return { path, sha256: await recordSha256(path) };
}

/** The file that is in the cache, if it is the right one. Where no checksum is published, any is. */
async function fromCache({ sha256: expected }: WeightsEntry, path: string): Promise<FetchedWeights | undefined> {
  const sha256 = await cachedSha256(path);
  return sha256?.startsWith(expected ?? '') ? { path, sha256 } : undefined;
}

/** A size in MiB with three decimals leaves a kilobyte. Where none is published: half precision at least, double at most. */
function boundsOf({ sizeMiB, parameters }: WeightsEntry): Bounds {
  if (sizeMiB === null) return { least: 2 * parameters, most: 8 * parameters + 2 ** 20 };
  return { least: Math.floor((sizeMiB - 0.0005) * 2 ** 20), most: Math.ceil((sizeMiB + 0.0005) * 2 ** 20) };
}

/** The same error with the way out, where it is the network's, the mirror's or the disk's. */
function explained(error: unknown, { name, url }: WeightsEntry, place: Place, path: string): unknown {
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
    'Put the file there by hand, or pass it with --weights FILE. --mirror takes another address or a folder.',
  ];
  return new UserError(lines.join('\n'), { cause: error });
}
