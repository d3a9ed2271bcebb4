import { interleaved } from '@graft-ml/core/internal/explain/index';
import { ImageError } from '@graft-ml/core/internal/image/problem';
import sharp from 'sharp';
import type { ImageFile } from '../data/decode.ts';
import type { Classifier } from '../evaluate/classifier.ts';

/** Thumbnails as data URIs, by the paths of their images: within an archive each has a path of its own, too. */
export type Thumbnails = ReadonlyMap<string, string>;

interface ThumbnailOptions {
  /** The most characters that all of them have. */
  readonly budget: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** The longest side of a thumbnail, in pixels. */
const side = 112;
const atOnce = 16;

/**
 * Thumbnails of images as the network sees them, the first ones first, as long as there is room. An image that cannot be
 * read any more has none.
 */
export async function drawThumbnails(
  classifier: Classifier,
  images: readonly ImageFile[],
  { budget, signal, onProgress }: ThumbnailOptions,
): Promise<Thumbnails> {
  const { crop } = classifier.preprocessing;
  const drawn = new Map<string, string>();
  let room = budget;
  for (let start = 0; start < images.length && room > 0; start += atOnce) {
    signal?.throwIfAborted();
    const chunk = images.slice(start, start + atOnce);
    const uris = await Promise.all(
      chunk.map(async (image) => {
        const data = await classifier.view(image).catch((error: unknown) => {
          if (error instanceof ImageError) return null;
          throw error;
        });
        return data && imageUri(interleaved({ width: crop, height: crop, data }), side);
      }),
    );
    for (const [i, { path }] of chunk.entries()) {
      const uri = uris[i];
      if (!uri) continue;
      room -= uri.length;
      if (room < 0) break;
      drawn.set(path, uri);
    }
    onProgress?.(Math.min(start + atOnce, images.length), images.length);
  }
  return drawn;
}

/** RGB pixels as a WebP image in a data URI, at most so many pixels wide. */
export async function imageUri(
  { width, height, data }: { readonly width: number; readonly height: number; readonly data: Uint8Array },
  largest: number,
): Promise<string> {
  const webp = await sharp(data, { raw: { width, height, channels: 3 } })
    .resize({ width: Math.min(width, largest) })
    .webp({ quality: 62, effort: 4 })
    .toBuffer();
  return `data:image/webp;base64,${webp.toString('base64')}`;
}
