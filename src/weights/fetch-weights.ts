import { join } from 'node:path';
import { cacheFolder } from '../files/cache-folder.ts';
import { cachedSha256 } from '../files/checksum.ts';
import { type FetchOptions, fetchFile } from '../files/download/fetch-file.ts';
import type { Bounds } from '../files/download/transfer.ts';
import type { WeightsEntry } from './registry/entry.ts';

/** `<cache>/weights/torchvision/resnet50.imagenet1k_v2/resnet50-11ad3fa6.pth`: under the entry's name, as published. */
export function cachePath({ name, url }: WeightsEntry, cache: string): string {
  const file = new URL(url).pathname.split('/').at(-1)!;
  return join(cache, 'weights', ...name.split('/'), file);
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
export function fetchWeights(entry: WeightsEntry, options: FetchOptions = {}): Promise<FetchedWeights> {
  const { name, url, sha256 } = entry;
  const path = cachePath(entry, options.cache ?? cacheFolder());
  const checksum = sha256 === null ? null : ({ algorithm: 'sha256', digest: sha256 } as const);
  const byHand = 'Put the file there by hand, or pass it with --weights FILE.';
  const file = { name, url, path, bounds: boundsOf(entry), checksum, byHand };
  return fetchFile(file, () => fromCache(entry, path), options);
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
