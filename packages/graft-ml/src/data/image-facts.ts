/** What is known of an image that was read and decoded once. */
export interface ImageFacts {
  /** Pixels, after the EXIF orientation. */
  readonly width: number;
  readonly height: number;
  /** Of the file, in hexadecimal. */
  readonly sha256: string;
}
