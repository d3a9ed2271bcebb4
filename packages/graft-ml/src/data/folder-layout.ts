import { join } from 'node:path';
import { option } from '@graft-ml/core/internal/base/code';
import { UserError } from '@graft-ml/core/internal/base/errors';
import type { Split } from '@graft-ml/core/internal/image/split-images';
import type { PartsChoice } from '@graft-ml/core/internal/recipe/config/data';
import { type FileTree, isImageName, type Listing } from './tree/listing.ts';

/** The root of a dataset, or its part for one split. */
export interface Part {
  /** The name below the root; '' for the root itself. */
  readonly name: string;
  readonly folder: string;
  readonly split: Split | undefined;
  /** Folders in it that are parts of their own. */
  readonly without?: readonly string[];
}

/** The layouts that are understood, for messages. */
export const expectedLayouts =
  '<folder>/<class>/*.jpg or <folder>/{train,val,test}/<class>/*.jpg (also png, webp, gif, avif, tiff, bmp)';

/** The accepted shapes of a dataset, for messages. */
export const acceptedShapes =
  `${expectedLayouts}, a CSV or JSON Lines file with a path and a class in each row, Parquet files with images in ` +
  'them, or such a folder in a .zip, .tar or .tar.gz';

/** The usual names of splits, in any case. */
const splitNames: ReadonlyMap<string, Split> = new Map([
  ...['train', 'training', 'trn'].map((name) => [name, 'train'] as const),
  ...['val', 'valid', 'validation', 'validate', 'dev', 'eval', 'evaluation'].map(
    (name) => [name, 'validation'] as const,
  ),
  ...['test', 'testing', 'tst'].map((name) => [name, 'test'] as const),
]);

/** Names that mean the validation part, or the test part beside another that means the validation part. */
const evaluationNames: ReadonlySet<string> = new Set(['eval', 'evaluation']);

/** The options that decide the layout of a folder. */
export interface LayoutOptions {
  readonly parts?: PartsChoice;
  readonly classDepth?: number | 'deepest';
  /** The classes of an existing run, which needs nothing to train on: there may be `test` or `val` alone. */
  readonly classes?: readonly string[];
}

/** The split that goes by this name, in any case. */
export function splitNamed(name: string): Split | undefined {
  return splitNames.get(name.toLowerCase());
}

/** The splits of names that stand beside each other: of `validation` and `evaluation` the second is for testing. */
export function splitsNamed(names: readonly string[]): (Split | undefined)[] {
  const isDoubtful = (name: string) => evaluationNames.has(name.toLowerCase());
  const splits = names.map(splitNamed);
  const hasOther = names.some((name, i) => splits[i] === 'validation' && !isDoubtful(name));
  return splits.map((split, i) => (hasOther && isDoubtful(names[i]!) ? 'test' : split));
}

/** Folders around all images, as tools for object detection lay them out, and what they put beside them. */
const imageFolders: ReadonlySet<string> = new Set(['images', 'image', 'imgs', 'img', 'jpegimages']);
const annotationFolders: ReadonlySet<string> = new Set([
  'labels',
  'label',
  'annotations',
  'annotation',
  'annots',
  'masks',
]);

const isIn = (names: ReadonlySet<string>) => (name: string) => names.has(name.toLowerCase());
const isForImages = isIn(imageFolders);
const isForAnnotations = isIn(annotationFolders);

/** A part of a dataset and what is in it. */
export interface ListedPart {
  readonly part: Part;
  readonly listing: Listing;
}

/**
 * The parts of a tree, each with what is in it. A folder `images`, alone or beside one of annotations, is taken off.
 *
 * @throws UserError where the layout can be read in two ways, or is that of object detection
 */
export async function listParts(
  tree: FileTree,
  { parts: choice, classes, classDepth }: LayoutOptions,
): Promise<ListedPart[]> {
  const folders = await tree.folders();
  const options = { parts: choice, needsTrain: classes === undefined };
  const takesOff = choice !== 'none' && classDepth !== 'deepest';
  const around = takesOff ? await imagesFolder(tree, folders) : undefined;
  const inner = around === undefined ? folders : topFolders(await tree.list(around));
  const prefix = around === undefined ? '' : `${around}/`;
  const parts = findParts(join(tree.root, around ?? ''), inner, options).map((part) => ({
    ...part,
    name: `${prefix}${part.name}`.replace(/\/$/, ''),
  }));
  const listed: ListedPart[] = [];
  for (const part of parts) listed.push({ part, listing: without(await tree.list(part.name), part.without) });
  if (takesOff) assertNoDetection(tree.root, listed, around);
  return listed;
}

/** The parts that names alone show without doubt: for finding tables in the parts. */
export function partsByName(root: string, folders: readonly string[], parts: PartsChoice | undefined): Part[] {
  try {
    return findParts(root, folders, { parts, needsTrain: false }).filter(({ name }) => name !== '');
  } catch (error) {
    if (error instanceof UserError) return []; // who reads the folders says so
    throw error;
  }
}

/**
 * The parts of a root with these folders: itself, unless all its folders are called like splits, in any case.
 *
 * @throws UserError where its layout can be read in two ways, and `parts` does not say which
 */
function findParts(
  root: string,
  folders: readonly string[],
  { parts, needsTrain }: { parts: PartsChoice | undefined; needsTrain: boolean },
): Part[] {
  const splits = splitsNamed(folders);
  const all = folders.map((name, i): Part => ({ name, folder: join(root, name), split: splits[i] }));
  const named = all.filter(({ split }) => split !== undefined);
  const others = all.filter(({ split }) => split === undefined);
  if (parts === 'none' || named.length === 0) return [{ name: '', folder: root, split: undefined }];

  const list = (some: readonly Part[]) => some.map(({ name }) => name).join(', ');
  const refuse = (problem: string) => new UserError(`In ${root} ${problem}`);
  const hasTrain = named.some(({ split }) => split === 'train');
  if (others.length > 0 && parts !== 'named') {
    const asParts = hasTrain
      ? `the images are in ${list(named)}, and ${list(others)} is no part of the dataset: ${option('parts', 'named')}`
      : `${list(others)} are classes to train on, and ${list(named)} is kept for ${named.map(({ split }) => split).join(' and ')}: ${option('parts', 'named')}`;
    throw refuse(
      `some folders are splits (${list(named)}) and some are not (${list(others)}), which can be read in two ways. ` +
        `As parts: ${asParts}. As classes: ${list(all)} are ${all.length} classes: ${option('parts', 'none')}. Say ` +
        'which, or move one kind elsewhere.',
    );
  }
  if (new Set(named.map(({ split }) => split)).size < named.length) {
    throw refuse(
      `two folders are the same split (${list(named)}). Merge them; or, if every folder is a class, pass ` +
        `${option('parts', 'none')}.`,
    );
  }
  if (hasTrain) return named;
  if (others.length > 0) {
    const without = named.map(({ name }) => name);
    return [{ name: '', folder: root, split: 'train', without }, ...named];
  }
  if (needsTrain) {
    throw refuse(
      `there is ${list(named)}, but no train. Add <folder>/train; or, if every folder is a class, pass ` +
        `${option('parts', 'none')}. Expected ${expectedLayouts}.`,
    );
  }
  return named;
}

/** The only folder for images beside annotations. @throws UserError where those hold images, too */
async function imagesFolder(tree: FileTree, folders: readonly string[]): Promise<string | undefined> {
  const images = folders.filter(isForImages);
  const annotations = folders.filter(isForAnnotations);
  if (images.length !== 1 || images.length + annotations.length < folders.length) return undefined;
  for (const folder of annotations) {
    const { files } = await tree.list(folder);
    if (!files.some(({ name }) => isImageName(name))) continue;
    throw new UserError(
      `In ${tree.root} there are images in ${images[0]} and in ${folder}, which can be read in two ways. As classes: ` +
        `${folders.join(', ')} are ${folders.length} classes: ${option('parts', 'none')}. As a folder for images ` +
        `with annotations beside it: name ${join(tree.root, images[0]!)}.`,
    );
  }
  return images[0];
}

/** @throws UserError where the images are not in folders of classes, and files beside them say what is on them */
function assertNoDetection(root: string, listed: readonly ListedPart[], around: string | undefined): void {
  const folders = listed.flatMap(({ listing }) => topFolders(listing));
  const isInParts = folders.some(isForImages) && folders.every((name) => isForImages(name) || isForAnnotations(name));
  const isFlat = around !== undefined && folders.length === 0;
  if (!isInParts && !isFlat) return;
  const where = isInParts
    ? `every part has its images in ${folders.find(isForImages)}`
    : `the images are in ${around} without folders for classes`;
  throw new UserError(
    `${root} is laid out as for object detection (YOLO, VOC): ${where}, and files beside them say what is on ` +
      'them. Such labels are not read: an image has one class here. Put the images in a folder for each class, name ' +
      'a CSV file with a path and a class in each row, or say ' +
      'with `labelRegex` how their names tell the class. If these folders are classes, pass `parts: "none"`.',
  );
}

function topFolders({ folders }: Listing): string[] {
  return folders.filter((name) => !name.includes('/'));
}

function without(listing: Listing, names: readonly string[] | undefined): Listing {
  if (!names) return listing;
  const isOurs = (name: string) => !names.some((other) => name === other || name.startsWith(`${other}/`));
  return {
    ...listing,
    files: listing.files.filter(({ name }) => isOurs(name)),
    folders: listing.folders.filter(isOurs),
    problems: listing.problems.filter(
      ({ path }) => !names.some((other) => path.startsWith(join(listing.root, other, '/'))),
    ),
  };
}
