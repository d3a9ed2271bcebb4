import { option } from '../base/code.ts';
import { UserError } from '../base/errors.ts';
import { type Hasher, hexOf } from '../base/sha256.ts';
import type { ImageProblem } from './problem.ts';
import type { ContentKey } from './seen.ts';
import type { Squares } from './squares.ts';

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

export interface TableOptions {
  /** The number of images. */
  readonly count: number;
  /** Pixels. */
  readonly side: number;
  /** The most that the table may take, in bytes. */
  readonly limit: number;
  /** Takes the pixels. */
  readonly hasher: Hasher;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The row of planes where each image begins, from how many each has. */
export function startsOf(planes: ArrayLike<number>): Uint32Array {
  const starts = new Uint32Array(planes.length + 1);
  for (let i = 0; i < planes.length; i++) starts[i + 1] = starts[i]! + planes[i]!;
  return starts;
}

/**
 * Puts decoded images side by side as they come, in their order.
 * @throws UserError where they take more memory than they may
 */
export async function tableOf(squares: AsyncIterable<Squares>, options: TableOptions): Promise<Decoded> {
  const { count, side, limit, hasher, onProgress, signal } = options;
  const area = side * side;
  assertFits(count, side, count * area, limit);
  const bytes = reserve(Math.min(3 * area * count, limit));
  const planes = new Uint8Array(count);
  const problems: ImageProblem[] = [];
  const contents: ContentKey[] = [];
  let used = 0;
  let done = 0;
  for await (const some of squares) {
    signal?.throwIfAborted();
    planes.set(some.planes, done);
    done += some.planes.length;
    // Each of the images to come takes at least one plane.
    assertFits(count, side, used + some.pixels.length + (count - done) * area, limit);
    bytes.set(some.pixels, used);
    hasher.update(some.pixels);
    used += some.pixels.length;
    problems.push(...some.problems);
    contents.push(...some.contents);
    onProgress?.(done, count);
  }
  const table = { side, bytes: bytes.subarray(0, used), starts: startsOf(planes) };
  return { table, problems, contents, sha256: hexOf(hasher.digest()) };
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
