import { rowsOf } from '@graft-ml/core/internal/image/evaluation-view';
import { ImageError } from '@graft-ml/core/internal/image/problem';
import { planesOf } from '@graft-ml/core/internal/predict/exported-model';
import { isCostlyFormat, readHeader } from '../data/image/open.ts';
import { costly, perform } from '../data/image-tasks.ts';
import type { ImageContent, PlanarImage, Undecoded } from './messages.ts';

/** Pixels from which an image takes so long to decode that small ones should not wait for it. */
const manyPixels = 4e6;

/**
 * A model's input from the content of an image file, u8 (3, crop, crop), or why there is none.
 * @param isLarge whether it may be a large image
 */
export function decodeView(content: ImageContent, isLarge: boolean): Promise<Uint8Array | Undecoded> {
  return unlessUnfit(content, isLarge, async ({ bytes, framing, mostPixels }) => {
    const request = { kind: 'evaluation', preprocessing: framing } as const;
    const viewed = await perform('view', { path: 'image', bytes, request, size: framing.crop, mostPixels }, 'thread');
    return viewed === costly ? { isCostly: true } : viewed.pixels;
  });
}

/** The image in its own size, likewise. */
export function decodeWhole(
  content: ImageContent,
  isLarge: boolean,
): Promise<{ readonly image: PlanarImage } | Undecoded> {
  return unlessUnfit(content, isLarge, async ({ bytes, framing, mostPixels }) => {
    const image = await perform('decode', { path: 'image', bytes, reading: framing, mostPixels }, 'thread');
    if (image === costly) return { isCostly: true };
    const { width, height } = image;
    return { image: { width, height, data: await planesOf(rowsOf(image)) } };
  });
}

async function unlessUnfit<R>(
  content: ImageContent,
  isLarge: boolean,
  decode: (content: ImageContent) => Promise<R | Undecoded>,
): Promise<R | Undecoded> {
  try {
    if (!isLarge && !isCostlyFormat(content.bytes)) {
      const { width, height } = await readHeader(content.bytes, 'image', content.framing);
      if (width * height > manyPixels) return { isLarge: true };
    }
    return await decode(content);
  } catch (error) {
    if (error instanceof ImageError) return { problem: error.problem };
    throw error;
  }
}
