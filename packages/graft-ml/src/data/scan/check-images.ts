import { groupBy } from '@graft-ml/core/internal/image/group-by';
import type { ImageProblem } from '@graft-ml/core/internal/image/problem';
import { rankBySeed } from '@graft-ml/core/internal/image/split';
import { defaultCache } from '../../cache/folder-cache.ts';
import type { FolderCache } from '../../files/cache-folder.ts';
import type { ImageFile } from '../decode.ts';
import { createImagePool, type ImagePool } from '../image-pool.ts';
import { type Candidate, classPath } from '../readers/found.ts';
import { type DecodedContents, readDecoded } from './decoded.ts';
import type { Surveyed, SurveyedFacts } from './sound.ts';

/** Files in one message to a thread: what a message costs does not count, and progress is still seen. */
const filesPerMessage = 32;
/** Messages under way. The threads never wait, and memory does not grow with the number of files. */
const messagesAtOnce = 32;

export interface CheckOptions {
  /** Use at most so many images of a class in each part of the dataset. */
  readonly maxPerClass?: number;
  /** Decides which images `maxPerClass` keeps. Default 0. */
  readonly seed?: number;
  /** Any problem is an error. */
  readonly strict?: boolean;
  /**
   * When pixels are decoded to see whether they are damaged. `later`: on first use, where the structure of the file is
   * sound and no file of the same content was decoded before; the image then says so (`isUnproven`). Default `now`.
   */
  readonly decode?: 'now' | 'later';
  /** The pool that checks images; without it a pool of threads is opened and closed. */
  readonly pool?: ImagePool;
  /** The cache that remembers which contents decode. Default: `defaultCache()`; null: none. */
  readonly cache?: FolderCache | null | undefined;
  /** Called after each image that was checked. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Ends the checking, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** An image that can be used, with the facts about it. */
export type Checked = Candidate & SurveyedFacts;

/** The images of a dataset that were checked. All three lists are in the order of parts, classes and names. */
export interface CheckedImages {
  readonly candidates: readonly Candidate[];
  readonly good: readonly Checked[];
  readonly broken: readonly ImageProblem[];
}

/**
 * Reads and hashes the images of a dataset, with `maxPerClass` a seeded choice of them, and decodes those that are not
 * known to decode.
 */
export async function checkImages(found: readonly Candidate[], options: CheckOptions): Promise<CheckedImages> {
  const candidates = inOrder(found, options);
  const pool = options.pool ?? createImagePool();
  try {
    const decoded = await readDecoded(options.cache === undefined ? defaultCache() : options.cache, pool);
    const results = await surveyAll(candidates, pool, decoded, options);
    const good = results.flatMap((result, i): Checked[] =>
      isProblem(result) ? [] : [{ ...candidates[i]!, ...result }],
    );
    return { candidates, good, broken: results.filter(isProblem) };
  } finally {
    if (!options.pool) await pool.close();
  }
}

/** The images to check. */
function inOrder(candidates: readonly Candidate[], { maxPerClass, seed = 0 }: CheckOptions): Candidate[] {
  return [...groupBy(candidates, classPath).values()]
    .flatMap((all) =>
      maxPerClass === undefined ? all : rankBySeed(all, seed, 'limit', ({ name }) => name).slice(0, maxPerClass),
    )
    .sort((a, b) => compare(a.part.name, b.part.name) || compare(a.className, b.className) || compare(a.name, b.name));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Surveys every file in the pool, and decodes those that were not decoded before. In the files' order. */
async function surveyAll(
  files: readonly ImageFile[],
  pool: ImagePool,
  decoded: DecodedContents,
  { strict, decode, onProgress, signal }: CheckOptions,
): Promise<Surveyed[]> {
  // With `strict`, what is wrong has to be known before anything passes.
  const isLater = decode === 'later' && !strict;
  const results = new Array<Surveyed>(files.length);
  let done = 0;
  const settle = (index: number, result: Surveyed) => {
    results[index] = result;
    done++;
    signal?.throwIfAborted();
    onProgress?.(done, files.length);
  };
  const doubtful: number[] = [];
  await inChunks(files, async (chunk, start) => {
    const surveyed = await pool.survey(chunk, { decode: 'later' });
    surveyed.forEach((result, i) => {
      if (isProblem(result) || result.isDecoded) settle(start + i, result);
      else if (decoded.has(result.sha256)) settle(start + i, { ...result, isDecoded: true });
      else if (isLater) settle(start + i, result);
      else doubtful.push(start + i);
    });
  });
  doubtful.sort((a, b) => a - b);
  await inChunks(doubtful, async (chunk) => {
    const proven = await pool.survey(
      chunk.map((index) => files[index]!),
      { decode: 'now' },
    );
    proven.forEach((result, i) => {
      settle(chunk[i]!, result);
    });
  });
  await decoded.add(results.flatMap((result) => (!isProblem(result) && result.isDecoded ? [result.sha256] : [])));
  return results;
}

function isProblem(result: Surveyed): result is ImageProblem {
  return 'kind' in result;
}

/** Hands out `items` in chunks, many at a time, in their order. */
async function inChunks<T>(
  items: readonly T[],
  work: (chunk: readonly T[], start: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < items.length) {
      const start = next;
      next += filesPerMessage;
      await work(items.slice(start, start + filesPerMessage), start);
    }
  };
  await Promise.all(Array.from({ length: messagesAtOnce }, lane));
}
