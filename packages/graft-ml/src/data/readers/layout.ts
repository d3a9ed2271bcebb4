import { join } from 'node:path';
import { option } from '@graft-ml/core/internal/base/code';
import { UserError } from '@graft-ml/core/internal/base/errors';
import type { PartsChoice } from '@graft-ml/core/internal/recipe/config/data';
import { findParts, type Part } from '../folder-layout.ts';
import { type FileTree, isImageName, type Listing } from '../tree/listing.ts';
import type { ReaderOptions } from './found.ts';

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
  { parts: choice, classes, classDepth }: ReaderOptions,
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
        `${folders.join(', ')} are ${folders.length} classes: ${option('parts', 'none')}. As a folder for images with annotations beside it: ` +
        `name ${join(tree.root, images[0]!)}.`,
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
    `${root} is laid out as for object detection (YOLO, VOC): ${where}, and files beside them say what is on them. Such labels are not read: ` +
      'an image has one class here. Put the images in a folder for each class, name a CSV file with a path and a class in each row, or say ' +
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
