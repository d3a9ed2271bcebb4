import type { Problem } from './problem.ts';

/** The facts about an image that was read and decoded once. */
export interface ImageFacts {
  /** Pixels, after the EXIF orientation. */
  readonly width: number;
  readonly height: number;
  /** The file's SHA-256, in hexadecimal. */
  readonly sha256: string;
}

/** A labelled image of a dataset, whatever holds it: a file, a part of an archive, a page. */
export interface ImageRecord extends ImageFacts {
  readonly path: string;
  /** The position of its class in `classes`. */
  readonly label: number;
}

/** The images of a dataset, each in one of its parts. */
export interface DatasetParts<I extends ImageRecord = ImageRecord> {
  readonly train: readonly I[];
  readonly validation: readonly I[];
  readonly test: readonly I[];
  /**
   * Images of the dataset's own validation and test parts that `seen` knows: they are in no part, since they would
   * flatter.
   */
  readonly keptOut: readonly I[];
}

/** Labelled images, checked and divided. */
export interface ImageDataset<I extends ImageRecord = ImageRecord> extends DatasetParts<I> {
  /** The folder as it was named; '' where there is none. */
  readonly root: string;
  readonly classes: readonly string[];
  /** The files that were left out, and why, by path. */
  readonly problems: readonly Problem[];
  /** Notes on reading the dataset, a sentence each. */
  readonly notes: readonly string[];
}

/** Every image that a dataset has, in whatever part. */
export function imagesOf<I extends ImageRecord>({ train, validation, test, keptOut }: DatasetParts<I>): I[] {
  return [...train, ...validation, ...test, ...keptOut];
}

/** The line of an image in its dataset's fingerprint. @param name its path within the dataset, with '/' everywhere */
export function fingerprintLine(name: string, { label, sha256 }: Pick<ImageRecord, 'label' | 'sha256'>): string {
  return JSON.stringify([name, label, sha256]);
}
