import { type PictureFile, type PictureFormat, sniffFormat } from '../decode.ts';
import { type PictureFacts, readPicture } from '../picture-facts.ts';
import { type Likeness, likenessOf } from './likeness.ts';

/** What the doctor knows of a picture that could be read and decoded. */
export interface Examination extends PictureFacts {
  /** What the content is, whatever the name says. */
  readonly format: PictureFormat;
  readonly likeness: Likeness;
}

/** Reads and decodes a picture. @throws PictureError where it cannot be used */
export async function examinePicture(file: PictureFile): Promise<Examination> {
  const { bytes, picture, facts } = await readPicture(file);
  return { ...facts, format: sniffFormat(bytes)!, likeness: likenessOf(picture) };
}
