import { createHash } from 'node:crypto';
import { type Decoded, type TableOptions, tableOf } from '@graft-ml/core/internal/image/image-table';
import type { Squares } from '@graft-ml/core/internal/image/squares';
import type { EvaluationRequest } from '@graft-ml/core/internal/image/view';
import type { ImageFile } from '../data/decode.ts';
import type { ImagePool } from '../data/image-pool.ts';

export interface DecodeOptions extends Pick<TableOptions, 'limit' | 'onProgress' | 'signal'> {
  readonly request: EvaluationRequest;
  readonly pool: ImagePool;
}

/**
 * Images in one request, and what they may take at most: enough that messages do not count, few enough that all threads
 * have some.
 */
const request = { images: 64, bytes: 2 ** 22 } as const;
/** Requests that are under way or answered and not yet taken. */
const requestsAhead = 16;

/** Decodes every image once, in the threads of the pool. @throws UserError where they take more memory than they may */
export function decodeTable(images: readonly ImageFile[], options: DecodeOptions): Promise<Decoded> {
  const { request: view, limit, onProgress, signal } = options;
  return tableOf(decoded(images, options), {
    count: images.length,
    side: view.preprocessing.crop,
    limit,
    hasher: createHash('sha256'),
    onProgress,
    signal,
  });
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
