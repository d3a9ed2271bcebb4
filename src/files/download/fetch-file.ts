import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UserError } from '../../base/errors.ts';
import type { Checksum } from '../checksum.ts';
import { withLock } from '../lock.ts';
import { download, type Patience } from './download.ts';
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

/** A file that somebody publishes, and where it belongs. */
export interface PublishedFile {
  /** What it is called in messages. */
  readonly name: string;
  readonly url: string;
  readonly path: string;
  readonly bounds: Bounds;
  readonly checksum: Checksum | null;
  /** What to do where it cannot be had, besides other mirrors. */
  readonly byHand: string;
}

/**
 * What `inCache` makes of the file once it is there, or else downloaded. It gives nothing where the file is absent or wrong.
 *
 * @throws UserError that says what failed, where the file is published, where to put it by hand, and the flag that takes it
 */
export async function fetchFile<T>(
  file: PublishedFile,
  inCache: () => Promise<T | undefined>,
  options: FetchOptions,
): Promise<T> {
  const { mirror = process.env.GRAFT_MIRROR, signal, onProgress } = options;
  const hub = isOnHub(file.url) ? hubFromEnvironment(process.env) : null;
  const place = placeOf(file.url, { mirror: mirror || null, hub });
  const offline = options.offline || hub?.offline;
  try {
    const found = await inCache();
    if (found !== undefined) return found;
    if (offline && place.kind === 'address') {
      throw new UserError('it is not in the cache, and the network is not to be used');
    }
    await mkdir(dirname(file.path), { recursive: true });
    const onWait = () => onProgress?.({ stage: 'waiting', done: 0, total: null });
    return await withLock(
      file.path,
      // Another process may have brought the file before.
      async (lost) => (await inCache()) ?? (await downloaded(file, place, inCache, { ...options, lost })),
      { signal, onWait },
    );
  } catch (error) {
    throw explained(error, file, place);
  }
}

/** By the one who holds the lock. */
async function downloaded<T>(
  { path, bounds, checksum }: PublishedFile,
  place: Place,
  inCache: () => Promise<T | undefined>,
  { lost, signal, onProgress, patience }: FetchOptions & { readonly lost: AbortSignal },
): Promise<T> {
  await download(place, path, {
    bounds,
    checksum,
    signal: signal ? AbortSignal.any([signal, lost]) : lost,
    onProgress: (done, total) => onProgress?.({ stage: 'downloading', done, total }),
    patience,
  });
  const found = await inCache();
  if (found === undefined) throw new UserError('it was changed as soon as it was there');
  return found;
}

/** The same error with the way out, where it is the network's, the mirror's or the disk's. */
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
    `${byHand} --mirror takes another address or a folder.`,
  ];
  return new UserError(lines.join('\n'), { cause: error });
}
