import { type Dirent, lstatSync, realpathSync } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import type { Problem } from '@graft-ml/core/internal/image/problem';
import { readBytes } from '../../files/read.ts';
import type { FileTree, ListedFile, Listing, Refusal } from './listing.ts';

export interface LinkOptions {
  /** Whether links to folders, and out of the folder, are followed. Default false. */
  readonly followLinks?: boolean | undefined;
}

/**
 * The files below a folder. A link to a file is followed where its target stays inside the folder; one that leads out,
 * nowhere, or to a folder is a problem, so that a listing ends and no image comes from elsewhere. With `followLinks` it
 * is one only where it leads nowhere, or to a folder that is listed already.
 */
export function folderTree(root: string, options: LinkOptions = {}): FileTree {
  return {
    root,
    problems: [],
    folders: () => folderNames(root, options),
    list: (folder) => listFolder(join(root, folder), options),
    find: finderIn(root, options),
    read: ({ name }, most) => readBytes(join(root, name), { most }),
  };
}

/** The visible folders in `root`, in code unit order. */
async function folderNames(root: string, { followLinks }: LinkOptions): Promise<string[]> {
  const entries = await readdir(root, { withFileTypes: true }).catch((error: Error) => {
    throw new UserError(`${root} cannot be opened (${error.message}).`);
  });
  const names: string[] = [];
  for (const entry of entries.filter(({ name }) => !name.startsWith('.'))) {
    const isLink = followLinks === true && entry.isSymbolicLink();
    const isFolder = isLink ? await isFolderAt(join(root, entry.name)) : entry.isDirectory();
    if (isFolder) names.push(entry.name);
  }
  return names.sort();
}

function isFolderAt(path: string): Promise<boolean> {
  return stat(path).then(
    (status) => status.isDirectory(),
    () => false,
  );
}

/** Lists everything visible below a folder on disk. */
export async function listFolder(root: string, { followLinks = false }: LinkOptions = {}): Promise<Listing> {
  const files: ListedFile[] = [];
  const folders: string[] = [];
  const problems: Problem[] = [];
  let hidden = 0;
  const home = await realpath(root);
  // With links followed, no folder is listed twice: a handful of links to each other would never end.
  const listed = new Set([home]);

  async function visitFolder(levels: readonly string[]): Promise<void> {
    const entries = await readdir(join(root, ...levels), { withFileTypes: true });
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) await visit(entry, [...levels, entry.name]);
  }

  async function visit(entry: Dirent, levels: readonly string[]): Promise<void> {
    const name = levels.join('/');
    if (entry.name.startsWith('.')) hidden++;
    else if (entry.isDirectory()) {
      if (followLinks) listed.add(await realpath(join(root, ...levels)));
      folders.push(name);
      await visitFolder(levels);
    } else if (followLinks && entry.isSymbolicLink()) {
      await visitLink(join(root, ...levels), levels);
    } else {
      const path = join(root, ...levels);
      const message = entry.isSymbolicLink() ? await linkProblem(path, home) : undefined;
      if (message === undefined) files.push({ name });
      else problems.push({ path, kind: 'link-not-followed', message });
    }
  }

  async function visitLink(path: string, levels: readonly string[]): Promise<void> {
    const name = levels.join('/');
    const target = await realpath(path).catch(() => undefined);
    const report = (message: string) => problems.push({ path, kind: 'link-not-followed', message });
    if (target === undefined) report('the link leads nowhere');
    else if (!(await isFolderAt(target))) files.push({ name });
    else if (listed.has(target) || isBelow(target, home)) {
      report('the link leads to a folder that is in the dataset already');
    } else if (isBelow(home, target)) report('the link leads to a folder that the dataset is in');
    else {
      listed.add(target);
      folders.push(name);
      await visitFolder(levels);
    }
  }

  await visitFolder([]);
  return { root, files, folders, problems, hidden };
}

/** Whether a path lies in a folder, or is it. */
function isBelow(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** The reason for not following a link; undefined where it leads to a file inside `home`. */
async function linkProblem(path: string, home: string): Promise<string | undefined> {
  const target = await realpath(path).catch(() => undefined);
  if (target === undefined) return 'the link leads nowhere';
  if (!target.startsWith(home + sep)) return `the link leads out of the folder, to ${target}`;
  return (await stat(target)).isDirectory()
    ? 'links to folders are not followed; with `followLinks` they are'
    : undefined;
}

/** The number of folders whose real paths are remembered: a table may name millions. */
const mostRemembered = 10_000;

/**
 * Looks up files that a table names: a path may be absolute, but must stay in the folder. The real path of each folder
 * is resolved once, and a file costs one synchronous call: a table has a hundred thousand rows.
 */
function finderIn(root: string, { followLinks = false }: LinkOptions): (name: string) => Promise<ListedFile | Refusal> {
  const places = new Map<string, string | undefined>();
  const home = () => placeOf(root) ?? root;

  /** The real path of a folder; undefined where there is none. */
  function placeOf(folder: string): string | undefined {
    if (places.has(folder)) return places.get(folder);
    if (places.size >= mostRemembered) places.clear();
    const place = attempt(() => realpathSync.native(folder));
    places.set(folder, place);
    return place;
  }

  /** The real path of a file; undefined where there is none. */
  function targetOf(path: string): string | undefined {
    const folder = placeOf(dirname(path));
    if (folder === undefined) return undefined;
    const status = attempt(() => lstatSync(path, { throwIfNoEntry: false }));
    return status?.isSymbolicLink() ? attempt(() => realpathSync.native(path)) : status && join(folder, basename(path));
  }

  return async (name) => {
    const inside = relative(root, resolve(root, name));
    if (inside === '' || inside.startsWith(`..${sep}`) || inside === '..' || isAbsolute(inside)) {
      return { kind: 'outside', message: `it is not below ${root}` };
    }
    const target = name.includes('\0') ? undefined : targetOf(join(root, inside));
    if (target === undefined) return { kind: 'missing-file', message: 'there is no such file' };
    if (!followLinks && !target.startsWith(home() + sep)) {
      return { kind: 'link-not-followed', message: `the link leads out of the folder, to ${target}` };
    }
    return { name: inside.replaceAll(sep, '/') };
  };
}

/** The result of `look`, or undefined where it fails: a name that is too long, a folder that may not be entered. */
function attempt<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
