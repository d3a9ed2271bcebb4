import type { TrainEvent } from '@graft-ml/core/internal/fit/events';
import { ImageError } from '@graft-ml/core/internal/image/problem';
import { type Dataset, imagesOf } from '../data/dataset.ts';
import type { ImagePool } from '../data/image-pool.ts';
import { readDecoded } from '../data/scan/decoded.ts';
import type { FolderCache } from '../files/cache-folder.ts';

/** Keeps account of which images of a dataset were decoded, of those that were taken on the word of their headers. */
export interface Proof {
  /** The pool, with every view that it gives noted. */
  readonly pool: ImagePool;
  /**
   * Passes on what happens in training. By the end of its first epoch every image was decoded, so that none turns out to be damaged later.
   * @throws ImageError where one is
   */
  within(events: AsyncIterable<TrainEvent>): AsyncGenerator<TrainEvent, void, undefined>;
  /** Whether training went beyond the moment when its folder is made. */
  readonly hasBegun: boolean;
  /** Decodes those that nobody looked at. @throws ImageError where one is damaged */
  complete(): Promise<void>;
  /** Keeps for later runs what was decoded. */
  remember(): Promise<void>;
  /** Whether an error says that an image is damaged which was taken for sound. Not so where its file has changed since: that is another matter. */
  isDamage(error: unknown): Promise<boolean>;
}

/** Images in one message to the pool. */
const atOnce = 32;
/** The largest image, in pixels, that a view decodes whole; of a larger one it may have decoded some rows only. */
const mostPixels = 20e6;

export function proofOf(dataset: Dataset, pool: ImagePool, cache: FolderCache | null): Proof {
  const unproven = imagesOf(dataset).filter(({ isUnproven }) => isUnproven);
  const pending = new Map(unproven.map((image) => [image.path, image]));
  let hasBegun = false;

  async function complete(): Promise<void> {
    const left = [...pending.values()];
    for (let start = 0; start < left.length; start += atOnce) {
      const chunk = left.slice(start, start + atOnce);
      for (const [i, result] of (await pool.survey(chunk, { decode: 'now' })).entries()) {
        if ('kind' in result) throw new ImageError(result);
        pending.delete(chunk[i]!.path);
      }
    }
  }

  return {
    complete,
    get hasBegun() {
      return hasBegun;
    },
    pool: {
      ...pool,
      async view(shown, request, size) {
        const pixels = await pool.view(shown, request, size);
        const path = typeof shown === 'string' ? shown : shown.path;
        const image = pending.get(path);
        if (image && image.width * image.height <= mostPixels) pending.delete(path);
        return pixels;
      },
    },
    async *within(events) {
      for await (const event of events) {
        if (event.kind === 'evaluation') await complete();
        yield event;
        hasBegun ||= event.kind === 'stage';
      }
    },
    async remember() {
      const proven = unproven.filter(({ path }) => !pending.has(path));
      if (proven.length > 0) await (await readDecoded(cache, pool)).add(proven.map(({ sha256 }) => sha256));
    },
    async isDamage(error) {
      const image = error instanceof ImageError ? pending.get(error.problem.path) : undefined;
      if (!image) return false;
      const [now] = await pool.survey([image], { decode: 'later' });
      return now !== undefined && 'sha256' in now && now.sha256 === image.sha256;
    },
  };
}
