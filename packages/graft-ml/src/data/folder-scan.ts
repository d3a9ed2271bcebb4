import { extname, join } from 'node:path';
import type { FolderProblemKind, Problem } from '@graft-ml/core/internal/image/problem';
import { foreignNameProblem, isImageName, type ListedFile, type Listing } from './tree/listing.ts';

/**
 * The content of a folder of class folders. Names are relative to the scanned folder and written with '/' everywhere.
 */
export interface FolderScan {
  /** The images of each class, and an empty list for a class folder without any. Both in code unit order. */
  readonly classes: ReadonlyMap<string, readonly ListedFile[]>;
  readonly problems: readonly Problem[];
  /** Visible files of other extensions in class folders, which are passed over. In code unit order. */
  readonly others: readonly ListedFile[];
  /** The number of entries passed over, by extension; `hidden` for names that begin with a dot. */
  readonly ignored: ReadonlyMap<string, number>;
}

/** The folder levels that name the class of a file: the first `classDepth` ones, or all. None where it lies in no class. */
export function classLevels(name: string, classDepth: number | 'deepest'): string[] {
  const levels = name.split('/').slice(0, -1);
  if (classDepth === 'deepest') return levels;
  return levels.length < classDepth ? [] : levels.slice(0, classDepth);
}

/**
 * Reads a listing as `<class>/**` where a class is `classDepth` folder levels, named `level/level`; or each folder that holds images
 * is one.
 *
 * Hidden entries and files of other extensions are ignored and counted. Images above the class level are problems, and so are
 * images in formats that are not read.
 */
export function scanClasses(listing: Listing, classDepth: number | 'deepest'): FolderScan {
  const { root, files, folders, hidden } = listing;
  const depthOf = (name: string) => name.split('/').length;
  const holders = new Set(files.filter(({ name }) => isImageName(name)).map(({ name }) => dirnameOf(name)));
  const isClass = (name: string) => (classDepth === 'deepest' ? holders.has(name) : depthOf(name) === classDepth);
  const classes = new Map<string, ListedFile[]>(folders.filter(isClass).map((name) => [name, []]));
  const problems = [...listing.problems];
  const others: ListedFile[] = [];
  const ignored = new Map<string, number>(hidden > 0 ? [['hidden', hidden]] : []);
  const report = (name: string, kind: FolderProblemKind, message: string) =>
    problems.push({ path: join(root, name), kind, message });

  for (const file of files) {
    const className = classLevels(file.name, classDepth).join('/');
    const isInClass = classes.has(className);
    if (!isImageName(file.name)) {
      const extension = extname(file.name).toLowerCase() || 'no extension';
      ignored.set(extension, (ignored.get(extension) ?? 0) + 1);
      const foreign = isInClass ? foreignNameProblem(file.name) : undefined;
      if (foreign) report(file.name, 'foreign-format', foreign);
      if (isInClass) others.push(file);
    } else if (isInClass) classes.get(className)!.push(file);
    else report(file.name, 'no-class', 'the image lies in no class folder');
  }
  const parents = new Set([...files.map(({ name }) => name), ...folders].map((name) => dirnameOf(name)));
  for (const name of ['', ...folders]) {
    if (!parents.has(name) && (classDepth === 'deepest' || (name === '' ? 0 : depthOf(name)) < classDepth))
      report(name, 'empty-class', 'the folder is empty');
  }
  for (const [name, images] of classes) {
    if (images.length === 0) report(name, 'empty-class', 'the class folder holds no images');
  }
  return { classes, problems, others, ignored };
}

function dirnameOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf('/')));
}
