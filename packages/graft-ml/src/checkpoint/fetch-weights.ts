import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import type { WeightsEntry } from '@graft-ml/core/internal/weights/registry/entry';
import { defaultCache } from '../cache/folder-cache.ts';
import { cached, type FolderCache } from '../files/cache-folder.ts';
import { type FetchOptions, fetchFile } from '../files/download/fetch-file.ts';
import type { Bounds } from '../files/download/transfer.ts';
import { readWeightsFile } from './weights-file.ts';

/**
 * The path of an entry's file in a cache, under the entry's name, as published:
 * `<cache>/weights/torchvision/resnet50.imagenet1k_v2/resnet50-11ad3fa6.pth`.
 */
export function cachePath({ name, url }: WeightsEntry, { folder }: FolderCache): string {
  const file = new URL(url).pathname.split('/').at(-1)!;
  return join(folder, 'weights', ...name.split('/'), file);
}

/** The path of an entry's file, if it has been downloaded; else null. */
export function cachedWeights(entry: WeightsEntry, cache: FolderCache = defaultCache()): string | null {
  const path = cachePath(entry, cache);
  return existsSync(path) ? path : null;
}

/** A file in the cache. */
export interface FetchedWeights {
  readonly path: string;
  readonly sha256: string;
}

/**
 * The file of an entry, from the cache or else downloaded into it.
 *
 * @throws UserError that says what failed, where the file is published, where to put it by hand, and the option that
 * takes it
 */
export async function fetchWeights(entry: WeightsEntry, options: FetchOptions = {}): Promise<FetchedWeights> {
  const { name, url, sha256: published } = entry;
  const { cache = defaultCache() } = options;
  if (cache === null) throw new UserError(`${name} cannot be downloaded: there is no cache. Pass a file of weights.`);
  const path = cachePath(entry, cache);
  const checksum = published === null ? null : ({ algorithm: 'sha256', digest: published } as const);
  const byHand = 'Put the file there by hand, or name it as `weights`.';
  const file = {
    name,
    url,
    cache: cache.folder,
    path,
    bounds: boundsOf(entry),
    checksum,
    accept: assertWeights,
    byHand,
  };
  const { sha256 } = await fetchFile(file, options);
  return { path, sha256: sha256! };
}

/** @throws UserError where the file does not read as weights, or as weights that someone has trained */
async function assertWeights(path: string): Promise<void> {
  const { tensors } = await readWeightsFile(path, cached);
  const isBlank = Object.values(tensors).every(({ data }) =>
    data.every((value: number | bigint) => Number(value) === 0),
  );
  if (isBlank) throw new UserError('it has no number but 0.');
}

/**
 * A size in MiB with three decimals leaves a kilobyte. Where none is published: half precision at least, double at
 * most.
 */
function boundsOf({ sizeMiB, parameters }: WeightsEntry): Bounds {
  if (sizeMiB === null) return { least: 2 * parameters, most: 8 * parameters + 2 ** 20 };
  return { least: Math.floor((sizeMiB - 0.0005) * 2 ** 20), most: Math.ceil((sizeMiB + 0.0005) * 2 ** 20) };
}
