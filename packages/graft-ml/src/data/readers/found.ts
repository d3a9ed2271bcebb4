import { join } from 'node:path';
import type { Problem } from '@graft-ml/core/internal/image/problem';
import type { PartsChoice } from '@graft-ml/core/internal/recipe/config/data';
import type { FolderCache } from '../../files/cache-folder.ts';
import type { ImageFile } from '../decode.ts';
import type { Part } from '../folder-layout.ts';
import type { ColumnOptions } from './columns.ts';

/** A file that may be an image, and what its dataset says about it. Nothing of it is read yet. */
export interface Candidate extends ImageFile {
  /** Relative to its part, with '/' everywhere: the same for the same images in any shape. */
  readonly name: string;
  readonly className: string;
  readonly part: Part;
}

/** The path of the class of an image: two parts of a dataset have one each. */
export function classPath({ part, className }: Candidate): string {
  return join(part.folder, className);
}

/** The dataset that a reader found. */
export interface Found {
  /** The folder to which the images' paths are relative. */
  readonly base: string;
  readonly parts: readonly Part[];
  readonly candidates: readonly Candidate[];
  /** Files in class folders without the extension of an image, which are passed over. */
  readonly others?: readonly Candidate[];
  /** The classes that are named, also those without an image. */
  readonly classNames: ReadonlySet<string>;
  readonly problems: readonly Problem[];
  /** The number of entries passed over, by extension or reason. */
  readonly ignored: ReadonlyMap<string, number>;
  /** Notes on reading the dataset, a sentence each. */
  readonly notes: readonly string[];
}

/** Options for reading a dataset, where it can be read in two ways. */
export interface ShapeOptions extends ColumnOptions {
  /**
   * Whether folders called like `train`, `val` and `test` (and split columns, and Parquet files) are parts: `none`, all
   * folders are classes and all images one part; `named`, other folders beside them are none. Default `auto`: an error
   * where that is not clear.
   */
  readonly parts?: PartsChoice;
  /**
   * Whether links to folders, and to files outside of the dataset, are followed. Default false: they are left out, and
   * listed.
   */
  readonly followLinks?: boolean;
  /** An expression that finds the class in a file's name: the group `label`, or the first one. */
  readonly labelRegex?: string;
}

/** Options of readers. */
export interface ReaderOptions extends ShapeOptions {
  /**
   * The cache for unpacking archives that cannot be read in place. Default: `defaultCache()`; null: none, so that they
   * cannot be read.
   */
  readonly cache?: FolderCache | null | undefined;
  /**
   * The number of folder levels that name a class. Default 1; with 2 a class is called `Alphabet/character01`. With
   * `deepest` each folder that holds images is a class, whatever its depth.
   */
  readonly classDepth?: number | 'deepest';
  /** The classes of an existing run, which needs nothing to train on. */
  readonly classes?: readonly string[];
}
