import type { ImageProblem } from '@graft-ml/core/internal/image/problem';
import type { ImageFile } from '../decode.ts';
import type { ImagePool } from '../image-pool.ts';
import type { DecodedContents } from './decoded.ts';
import type { Surveyed, SurveyedFacts } from './survey.ts';

/** Files in one message to a thread: what a message costs does not count, and progress is still seen. */
const FILES = 32;
/** Messages under way. The threads never wait, and memory does not grow with the number of files. */
const MESSAGES = 32;

export interface CheckOptions {
  readonly pool: ImagePool;
  /**
   * `later` leaves the pixels of files whose structure is sound to whoever uses them: `isDecoded` says which were
   * decoded.
   */
  readonly decode: 'now' | 'later';
  readonly decoded: DecodedContents;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Reads and hashes every file, in the pool, and decodes those that were not decoded before. In the files' order. */
export async function checkAll<F extends ImageFile>(
  files: readonly F[],
  { pool, decode, decoded, onProgress }: CheckOptions,
): Promise<Surveyed[]> {
  const results = new Array<Surveyed>(files.length);
  let done = 0;
  const settle = (index: number, result: Surveyed) => {
    results[index] = result;
    onProgress?.(++done, files.length);
  };
  const doubtful: number[] = [];
  await inChunks(files, async (chunk, start) => {
    const surveyed = await pool.survey(chunk, { decode: 'later' });
    surveyed.forEach((result, i) => {
      if (isProblem(result) || result.isDecoded) settle(start + i, result);
      else if (decoded.has(result.sha256)) settle(start + i, { ...result, isDecoded: true });
      else if (decode === 'later') settle(start + i, result);
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
  await decoded.add(results.filter(isFine).flatMap(({ isDecoded, sha256 }) => (isDecoded ? [sha256] : [])));
  return results;
}

export function isProblem(result: Surveyed): result is ImageProblem {
  return 'kind' in result;
}

export function isFine(result: Surveyed): result is SurveyedFacts {
  return !isProblem(result);
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
      next += FILES;
      await work(items.slice(start, start + FILES), start);
    }
  };
  await Promise.all(Array.from({ length: MESSAGES }, lane));
}
