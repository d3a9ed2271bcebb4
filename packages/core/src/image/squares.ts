import { ImageError, type ImageProblem } from './problem.ts';
import type { ContentKey } from './seen.ts';

/** Views as compact as they can be: of a grey image one plane is kept, because its three are equal. */
export interface Squares {
  /** Planes of each image: 1, 3, or 0 where it cannot be used. */
  readonly planes: Uint8Array;
  /** (sum of `planes`, size, size) */
  readonly pixels: Uint8Array;
  /** The `ContentKey` of each image's file; '' where it could not be read. */
  readonly contents: readonly ContentKey[];
  /** The problems of the images without planes, in their order. */
  readonly problems: readonly ImageProblem[];
}

/** The views of several images, planar u8 (3, size, size) each, one after the other. */
export async function packSquares<I>(
  images: readonly I[],
  size: number,
  view: (image: I) => Promise<{ readonly pixels: Uint8Array; readonly content: ContentKey }>,
): Promise<Squares> {
  const area = size * size;
  const pixels = new Uint8Array(3 * area * images.length);
  const planes = new Uint8Array(images.length);
  const problems: ImageProblem[] = [];
  const contents = new Array<ContentKey>(images.length).fill('');
  let used = 0;
  for (const [i, image] of images.entries()) {
    try {
      const { pixels: seen, content } = await view(image);
      contents[i] = content;
      planes[i] = isGrey(seen) ? 1 : 3;
      pixels.set(seen.subarray(0, planes[i]! * area), used);
      used += planes[i]! * area;
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      problems.push(error.problem);
    }
  }
  return { planes, pixels: pixels.slice(0, used), contents, problems };
}

/** Whether the three planes of an image are equal. */
function isGrey(pixels: Uint8Array): boolean {
  const area = pixels.length / 3;
  for (let i = 0; i < area; i++) {
    if (pixels[i] !== pixels[area + i] || pixels[i] !== pixels[2 * area + i]) return false;
  }
  return true;
}
