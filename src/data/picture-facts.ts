import { createHash } from 'node:crypto';
import { decodePicture, type PictureFile, readPictureFile } from './decode.ts';
import type { RgbImage } from './resize.ts';

/** What is known of a picture that was read and decoded once. */
export interface PictureFacts {
  /** Pixels, after the EXIF orientation. */
  readonly width: number;
  readonly height: number;
  /** Of the file, in hexadecimal. */
  readonly sha256: string;
}

/** Reads and decodes a picture, whole. @throws PictureError where it cannot be used */
export async function readPicture(file: PictureFile): Promise<{
  readonly bytes: Buffer;
  readonly picture: RgbImage;
  readonly facts: PictureFacts;
}> {
  const bytes = await readPictureFile(file);
  const picture = await decodePicture(bytes, file.path);
  const { width, height } = picture;
  return { bytes, picture, facts: { width, height, sha256: createHash('sha256').update(bytes).digest('hex') } };
}
