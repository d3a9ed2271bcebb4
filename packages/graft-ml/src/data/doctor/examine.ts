import type { PictureFormat } from '../image/header.ts';
import { type OpenImage, resizeImage } from '../image/open.ts';
import type { PictureFacts } from '../picture-facts.ts';
import { type Likeness, likenessFrom, likenessViews } from './likeness.ts';

/** What the doctor knows of a picture that could be read and decoded. */
export interface Examination extends PictureFacts {
  /** What the content is, whatever the name says. */
  readonly format: PictureFormat;
  readonly likeness: Likeness;
}

/** Decodes a picture. @throws PictureError (by rejection) where it cannot be used */
export async function examineImage(image: OpenImage, facts: PictureFacts): Promise<Examination> {
  const likeness = likenessFrom(await resizeImage(image, likenessViews(image)));
  return { ...facts, format: image.format, likeness };
}
