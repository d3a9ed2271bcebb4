/// <reference lib="esnext.disposable" preserve="true" />
import { createHash } from 'node:crypto';
import type { ImageDecoder } from '@graft-ml/core/internal/image/decoder';
import { assertWithinBounds } from '@graft-ml/core/internal/image/file/bounds';
import { ImageError } from '@graft-ml/core/internal/image/problem';
import type { RgbImage } from '@graft-ml/core/internal/image/resize';
import { contentKey } from '@graft-ml/core/internal/image/seen';
import { packSquares } from '@graft-ml/core/internal/image/squares';
import type { ImageReading } from '@graft-ml/core/internal/image/transform';
import { rowsOf, viewOf } from '@graft-ml/core/internal/image/view';
import { type ImageFile, readImageFile } from './decode.ts';
import { createImagePool, type ImagePool, type ImagePoolOptions } from './image-pool.ts';

/**
 * The pool that a program's images go through: the program's own, one around its decoder, or a new one of threads.
 * The options are those of threads. `close` ends only what was made here; what was handed in stays its owner's.
 */
export function openImagePool(decoder?: ImageDecoder | undefined, options: ImagePoolOptions = {}): ImagePool {
  if (decoder === undefined) return createImagePool(options);
  const pool = isPool(decoder) ? decoder : decoderPool(decoder);
  const close = async () => {};
  return { ...pool, close, [Symbol.asyncDispose]: close };
}

function isPool(decoder: ImageDecoder): decoder is ImagePool {
  return ['survey', 'view', 'squares'].every((name) => name in decoder);
}

/**
 * Files by way of a program's own decoder, one after the other in this thread, so that one decoded image is in memory
 * at a time.
 */
function decoderPool(decoder: ImageDecoder): ImagePool {
  let previous: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = previous.then(work);
    previous = result.catch(() => {});
    return result;
  };
  const open = async (
    image: string | ImageFile,
    reading: ImageReading,
  ): Promise<{ image: RgbImage; bytes: Buffer }> => {
    const file = typeof image === 'string' ? { path: image } : image;
    const bytes = await readImageFile(file);
    const decoded = await decoder.decode({ bytes, name: file.path }, reading);
    assertWithinBounds(file.path, decoded);
    return { image: decoded, bytes };
  };
  const hashOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
  const check: ImagePool['check'] = (file) =>
    inTurn(async () => {
      const { image, bytes } = await open(file, {});
      return { width: image.width, height: image.height, sha256: hashOf(bytes) };
    });
  const view: ImagePool['view'] = (file, request, size) =>
    inTurn(async () => viewOf(rowsOf((await open(file, request.preprocessing)).image), request, size));
  const close = async () => {};
  return {
    identity: decoder.identity,
    decode: (image, reading) => inTurn(() => decoder.decode(image, reading)),
    check,
    survey: (files) =>
      Promise.all(
        files.map((file) =>
          check(file).then(
            (facts) => ({ ...facts, isDecoded: true }),
            (error: unknown) => {
              if (error instanceof ImageError) return error.problem;
              throw error;
            },
          ),
        ),
      ),
    view,
    squares: (files, request, size) =>
      packSquares(files, size, (file) =>
        inTurn(async () => {
          const { image, bytes } = await open(file, request.preprocessing);
          return { pixels: await viewOf(rowsOf(image), request, size), content: contentKey({ sha256: hashOf(bytes) }) };
        }),
      ),
    close,
    [Symbol.asyncDispose]: close,
  };
}
