import { createHash } from 'node:crypto';
import { option } from '@graft-ml/core/internal/base/code';
import { UserError } from '@graft-ml/core/internal/base/errors';
import type { ImageProblem } from '@graft-ml/core/internal/image/problem';
import type { ContentKey } from '@graft-ml/core/internal/image/seen';
import type { EvaluationRequest } from '@graft-ml/core/internal/image/view';
import type { ImageFile } from '../data/decode.ts';
import type { ImagePool } from '../data/image-pool.ts';
import type { Squares } from '../data/squares.ts';

/** Square images of one size, decoded and side by side in memory. */
export interface ImageTable {
  /** Pixels. */
  readonly side: number;
  /** Planes of side · side bytes. */
  readonly bytes: Uint8Array;
  /**
   * (n + 1): image i has the planes `starts[i]` to `starts[i + 1]`: one if it is grey, three, or none where it could
   * not be used.
   */
  readonly starts: Uint32Array;
}

/** A table, and what is wrong with the images that it has no planes of, in their order. */
export interface Decoded {
  readonly table: ImageTable;
  readonly problems: readonly ImageProblem[];
  /** The content of each image's file. */
  readonly contents: readonly ContentKey[];
  /** The SHA-256 of the pixels, in hexadecimal. */
  readonly sha256: string;
}

export interface DecodeOptions {
  readonly request: EvaluationRequest;
  readonly pool: ImagePool;
  /** The most that the table may take, in bytes. */
  readonly limit: number;
  readonly onProgress: ((done: number, total: number) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Images in one request, and what they may take at most: enough that messages do not count, few enough that all threads
 * have some.
 */
const request = { images: 64, bytes: 2 ** 22 } as const;
/** Requests that are under way or answered and not yet taken. */
const requestsAhead = 16;

/** The row of planes where each image begins, from how many each has. */
export function startsOf(planes: ArrayLike<number>): Uint32Array {
  const starts = new Uint32Array(planes.length + 1);
  for (let i = 0; i < planes.length; i++) starts[i + 1] = starts[i]! + planes[i]!;
  return starts;
}

/** Decodes every image once, in the threads of the pool. @throws UserError where they take more memory than they may */
export async function decodeTable(images: readonly ImageFile[], options: DecodeOptions): Promise<Decoded> {
  const side = options.request.preprocessing.crop;
  const area = side * side;
  assertFits(images.length, side, images.length * area, options.limit);
  const bytes = reserve(Math.min(3 * area * images.length, options.limit));
  const planes = new Uint8Array(images.length);
  const problems: ImageProblem[] = [];
  const contents: ContentKey[] = [];
  const hash = createHash('sha256');
  let used = 0;
  let done = 0;
  for await (const squares of decoded(images, options)) {
    options.signal?.throwIfAborted();
    planes.set(squares.planes, done);
    done += squares.planes.length;
    // Each of the images to come takes at least one plane.
    const least = used + squares.pixels.length + (images.length - done) * area;
    assertFits(images.length, side, least, options.limit);
    bytes.set(squares.pixels, used);
    hash.update(squares.pixels);
    used += squares.pixels.length;
    problems.push(...squares.problems);
    contents.push(...squares.contents);
    options.onProgress?.(done, images.length);
  }
  const table = { side, bytes: bytes.subarray(0, used), starts: startsOf(planes) };
  return { table, problems, contents, sha256: hash.digest('hex') };
}

/** The answers of the pool in the order of the images. */
async function* decoded(images: readonly ImageFile[], { request: view, pool }: DecodeOptions): AsyncGenerator<Squares> {
  const size = view.preprocessing.crop;
  const each = Math.max(1, Math.min(request.images, Math.floor(request.bytes / (3 * size * size))));
  const ahead: Promise<Squares>[] = [];
  for (let next = 0; next < images.length || ahead.length > 0; ) {
    while (next < images.length && ahead.length < requestsAhead) {
      const squares = pool.squares(images.slice(next, next + each), view, size);
      squares.catch(() => {}); // a failure is the consumer's when its turn comes, and nobody's after an early return
      ahead.push(squares);
      next += each;
    }
    yield await ahead.shift()!;
  }
}

/**
 * Memory for the largest case. Pages that are never written to are never taken, so a grey dataset costs a third of it.
 */
function reserve(length: number): Uint8Array {
  try {
    return new Uint8Array(length);
  } catch (cause) {
    throw new UserError(
      `There is no memory for ${inMiB(length)} MiB in one piece. Lower ${option('side')} or ${option('memory')}, or use ` +
        'fewer classes.',
      { cause },
    );
  }
}

function assertFits(images: number, side: number, least: number, limit: number): void {
  if (least <= limit) return;
  throw new UserError(
    `${images} images of ${side} x ${side} pixels take at least ${inMiB(least)} MiB, more than ` +
      `${option('memory', inMiB(limit))}. Lower ${option('side')}, use fewer classes (a folder as ${option('split')} ` +
      'takes those in it), or raise the memory.',
  );
}

function inMiB(bytes: number): number {
  return Math.ceil(bytes / 2 ** 20);
}
