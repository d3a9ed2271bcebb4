/** What is known of a picture that was read and decoded once. */
export interface PictureFacts {
  /** Pixels, after the EXIF orientation. */
  readonly width: number;
  readonly height: number;
  /** Of the file, in hexadecimal. */
  readonly sha256: string;
}
