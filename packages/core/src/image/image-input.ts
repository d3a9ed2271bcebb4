import type { EncodedImage, PixelImage } from './decoder.ts';

/** An image as programs have it: the content of a file, a `Blob` or `File`, or decoded pixels. */
export type ImageInput = Uint8Array | ArrayBuffer | Blob | PixelImage;

/** A `File` has a name. */
export function nameOfInput(image: ImageInput): string | undefined {
  return image instanceof Blob && 'name' in image && typeof image.name === 'string' ? image.name : undefined;
}

/** The content of an image file, or an image that is decoded. */
export async function contentOf(image: ImageInput, name: string): Promise<EncodedImage | PixelImage> {
  if (image instanceof Uint8Array) return { bytes: image, name };
  if (image instanceof ArrayBuffer) return { bytes: new Uint8Array(image), name };
  if (image instanceof Blob) return { bytes: new Uint8Array(await image.arrayBuffer()), name };
  return image;
}
