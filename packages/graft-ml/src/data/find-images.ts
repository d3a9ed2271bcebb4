import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { globMatcher, isGlob } from '@graft-ml/core/internal/base/glob';
import { printableName } from '@graft-ml/core/internal/base/printable';
import type { Problem } from '@graft-ml/core/internal/image/problem';
import picomatch from 'picomatch';
import { listFolder } from './tree/folder-tree.ts';
import { isImageName } from './tree/listing.ts';

/** The images at the given paths. */
export interface FoundImages {
  /** The paths of files, each as its folder was named; not yet looked into. */
  readonly paths: readonly string[];
  /** Links that were not followed. */
  readonly problems: readonly Problem[];
  /** The number of files of other kinds and hidden entries in the folders. */
  readonly passedOver: number;
}

/**
 * The images of files, folders (everything below them that has the extension of an image) and patterns
 * (`photos/**\/*.jpg`; a file or folder of that name comes first). A file that is named counts as an image, whatever
 * its extension.
 *
 * @throws UserError where a folder or a pattern has no image. A missing file is noticed when it is read
 */
export async function findImages(places: readonly string[]): Promise<FoundImages> {
  const paths: string[] = [];
  const problems: Problem[] = [];
  let passedOver = 0;
  for (const place of places) {
    const found = await imagesAt(place);
    for (const path of found.paths) paths.push(path);
    for (const problem of found.problems) problems.push(problem);
    passedOver += found.passedOver;
  }
  return { paths, problems, passedOver };
}

async function imagesAt(place: string): Promise<FoundImages> {
  const status = await stat(place).catch(() => null);
  if (status?.isDirectory()) return imagesBelow(place, isImageName, `${printableName(place)} holds no images`);
  if (status || !isGlob(place)) return { paths: [place], problems: [], passedOver: 0 };
  const { base, glob } = picomatch.scan(place);
  const matches = globMatcher(glob);
  const folder = base === '' ? '.' : base;
  if (!(await stat(folder).catch(() => null))?.isDirectory()) {
    throw new UserError(`Nothing matches ${printableName(place)}: there is no folder ${printableName(folder)}.`);
  }
  const found = await imagesBelow(
    folder,
    (name) => isImageName(name) && matches(name),
    `No image matches ${printableName(place)}`,
  );
  const problems = found.problems.filter(({ path }) => matches(path.slice(join(folder, '/').length)));
  return { paths: found.paths, problems, passedOver: 0 };
}

async function imagesBelow(folder: string, fits: (name: string) => boolean, nothing: string): Promise<FoundImages> {
  const { files, problems, hidden } = await listFolder(folder).catch((error: Error) => {
    throw new UserError(`${printableName(folder)} cannot be opened (${error.message}).`, { cause: error });
  });
  const paths = files.flatMap(({ name }) => (fits(name) ? [join(folder, name)] : []));
  if (paths.length === 0) throw new UserError(`${nothing}.`);
  return { paths, problems, passedOver: files.length - paths.length + hidden };
}
