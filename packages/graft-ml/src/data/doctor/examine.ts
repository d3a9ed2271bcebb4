import { resizeImage } from '@graft-ml/core/internal/image/view';
import type { ImageFacts } from '../decode.ts';
import type { ImageFormat } from '../image/header.ts';
import type { OpenImage } from '../image/open.ts';
import { type Likeness, likenessFrom, likenessViews } from './likeness.ts';

/** The facts about an image that could be read and decoded. */
export interface Examination extends ImageFacts {
  /** The format of the content, whatever the name says. */
  readonly format: ImageFormat;
  readonly likeness: Likeness;
}

/** Decodes an image. @throws ImageError (by rejection) where it cannot be used */
export async function examineImage(image: OpenImage, facts: ImageFacts): Promise<Examination> {
  const likeness = likenessFrom(await resizeImage(image, likenessViews(image)));
  return { ...facts, format: image.format, likeness };
}
