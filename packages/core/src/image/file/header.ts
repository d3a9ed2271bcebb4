import type { ImageProblemKind } from '../problem.ts';
import type { Size } from '../transform.ts';

export type ImageFormat = 'jpeg' | 'png' | 'webp' | 'gif' | 'avif' | 'tiff' | 'bmp';

/** The turn and reflection that make a stored image upright, as EXIF counts them. 1: it is upright. */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

/** The facts about an image in its file's header, before a pixel is decoded. */
export interface ImageHeader extends Size {
  readonly format: ImageFormat;
  readonly orientation: Orientation;
  /**
   * Bytes that the decoder holds at once, beside the file and the rows that it hands over. 0 where it decodes row by
   * row; the whole image and more where the file has it in several passes.
   */
  readonly working: number;
  /** Whether its samples are cyan, magenta, yellow and black ink. */
  readonly isInk?: boolean;
  /** Whether it has red, green and blue of more than 8 bits, and a colour profile. */
  readonly isDeepWithProfile?: boolean;
  /**
   * The file without what decoding has no use for: texts, previews, other frames, metadata. What is decoded is this.
   */
  readonly bare: Uint8Array;
}

/** A header cannot be read. The message says why, without the path. */
export class HeaderError extends Error {
  override readonly name = 'HeaderError';
  readonly kind: ImageProblemKind;

  constructor(kind: ImageProblemKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

export function cutShort(): HeaderError {
  return new HeaderError('truncated', 'the file ends before the image does');
}

/** An embedded colour profile is used up to here; those of printing presses have up to 3 MB. */
export const mostProfileBytes = 4 * 2 ** 20;

/** A part of a file from `start` to `end`; parts follow each other without a gap. */
export interface Segment {
  readonly start: number;
  readonly end: number;
  readonly isNeeded: boolean;
}

/**
 * The needed segments in one piece: the file itself where all of it is needed. `segments` is asked twice, so that no
 * list of millions of segments is ever held.
 */
export function onlyNeeded(file: Uint8Array, segments: () => Iterable<Segment>): Uint8Array {
  let length = 0;
  for (const { start, end, isNeeded } of segments()) if (isNeeded) length += end - start;
  if (length === file.length) return file;
  const bare = new Uint8Array(length);
  let to = 0;
  for (const { start, end, isNeeded } of segments()) {
    if (!isNeeded) continue;
    bare.set(file.subarray(start, end), to);
    to += end - start;
  }
  return bare;
}
