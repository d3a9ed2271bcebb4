import { createHash } from 'node:crypto';
import { decodePicture, type PictureFile, type PictureFormat, readPictureFile, sniffFormat } from '../decode.ts';
import type { PictureFacts } from '../picture-worker.ts';
import { type Likeness, likenessOf } from './likeness.ts';

/** What the doctor knows of a picture that could be read and decoded. */
export interface Examination extends PictureFacts {
  /** What the content is, whatever the name says. */
  readonly format: PictureFormat;
  readonly likeness: Likeness;
}

/** Reads and decodes a picture. @throws PictureError where it cannot be used */
export async function examinePicture(file: PictureFile): Promise<Examination> {
  const bytes = await readPictureFile(file);
  const picture = await decodePicture(bytes, file.path);
  const { width, height } = picture;
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { width, height, sha256, format: sniffFormat(bytes)!, likeness: likenessOf(picture) };
}
