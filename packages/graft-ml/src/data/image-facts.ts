/** The facts about an image that was read and decoded once. */
export interface ImageFacts {
  /** Pixels, after the EXIF orientation. */
  readonly width: number;
  readonly height: number;
  /** The file's SHA-256, in hexadecimal. */
  readonly sha256: string;
}
