import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import type { FolderProblemKind, Problem } from './problem.ts';

/** The extensions that are taken for pictures, in any case; what a file really is, its content says later. */
export const pictureExtensions: readonly string[] = ['.jpg', '.jpeg', '.png', '.webp', '.gif', '.avif'];

/** What lies in a folder of class folders. Paths are relative to the scanned folder and written with '/' everywhere. */
export interface FolderScan {
  /** The pictures of each class, and an empty list for a class folder without any. Both in code unit order. */
  readonly classes: ReadonlyMap<string, readonly string[]>;
  readonly problems: readonly Problem<FolderProblemKind>[];
  /** How many entries were passed over, by extension; `hidden` for names that begin with a dot. */
  readonly ignored: ReadonlyMap<string, number>;
}

/**
 * Lists `folder/<class>/**` where a class is `classDepth` folder levels, named `level/level`.
 *
 * Hidden entries and files of other extensions are ignored and counted. Pictures above the class level are problems. A link to
 * a file is followed where its target stays inside `folder`; a link that leads out, nowhere, or to a folder is a problem,
 * so that a scan ends and no picture comes from elsewhere.
 */
export async function scanFolder(folder: string, classDepth: number): Promise<FolderScan> {
  const classes = new Map<string, string[]>();
  const problems: Problem<FolderProblemKind>[] = [];
  const ignored = new Map<string, number>();
  const home = await realpath(folder);

  const report = (levels: readonly string[], kind: FolderProblemKind, message: string) =>
    problems.push({ path: join(folder, ...levels), kind, message });
  const ignore = (reason: string) => ignored.set(reason, (ignored.get(reason) ?? 0) + 1);

  async function visitFolder(levels: readonly string[]): Promise<void> {
    if (levels.length === classDepth) classes.set(levels.join('/'), []);
    const entries = await readdir(join(folder, ...levels), { withFileTypes: true });
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) await visit(entry, [...levels, entry.name]);
    if (entries.length === 0 && levels.length < classDepth) report(levels, 'empty-class', 'the folder is empty');
  }

  async function visit(entry: Dirent, levels: readonly string[]): Promise<void> {
    const extension = extname(entry.name).toLowerCase();
    if (entry.name.startsWith('.')) ignore('hidden');
    else if (entry.isDirectory()) await visitFolder(levels);
    else {
      const refusal = entry.isSymbolicLink() ? await refuseLink(join(folder, ...levels), home) : undefined;
      if (refusal !== undefined) report(levels, 'link-not-followed', refusal);
      else if (!pictureExtensions.includes(extension)) ignore(extension || 'no extension');
      else if (levels.length <= classDepth) report(levels, 'no-class', 'the picture lies in no class folder');
      else classes.get(levels.slice(0, classDepth).join('/'))!.push(levels.join('/'));
    }
  }

  await visitFolder([]);
  for (const [name, pictures] of classes) {
    if (pictures.length === 0) report(name.split('/'), 'empty-class', 'the class folder holds no pictures');
  }
  return { classes, problems, ignored };
}

/** Why a link is not followed, or nothing where it leads to a file inside `home`. */
async function refuseLink(path: string, home: string): Promise<string | undefined> {
  const target = await realpath(path).catch(() => undefined);
  if (target === undefined) return 'the link leads nowhere';
  if (!target.startsWith(home + sep)) return `the link leads out of the folder, to ${target}`;
  return (await stat(target)).isDirectory() ? 'links to folders are not followed' : undefined;
}
