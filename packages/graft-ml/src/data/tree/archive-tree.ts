import { join } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { quote } from '@graft-ml/core/internal/base/quote';
import type { Problem } from '@graft-ml/core/internal/image/problem';
import type { Member } from '../../files/archives/member.ts';
import { readWithin } from '../../files/within.ts';
import { splitNamed } from '../folder-layout.ts';
import { compareNames, type FileTree, isImageName, type ListedFile, type Refusal } from './listing.ts';

interface Named {
  readonly name: string;
}

/** The visible content below a folder of an archive, in code unit order. */
interface Content {
  readonly files: readonly ListedFile[];
  readonly folders: readonly Named[];
  readonly hidden: readonly Named[];
}

/** The options that tell a folder around the whole archive from one of its classes. */
export interface ArchiveOptions {
  readonly classDepth: number;
  /** Whether a file of this name describes the others. */
  readonly isTable: (name: string) => boolean;
}

/**
 * The members of an archive as a tree. A folder around everything, as most tools pack it, is left out: `photos.zip`
 * with `photos/cat/1.jpg` has the classes of `photos/`.
 */
export function archiveTree(
  path: string,
  members: readonly Member[],
  { classDepth, isTable }: ArchiveOptions,
): FileTree {
  const { problems, ...all } = sortMembers(path, members);
  const wrapper = wrapperOf(all, classDepth, isTable);
  const root = join(path, wrapper);
  const content = under(all, wrapper);
  const byName = new Map(content.files.map((file) => [file.name, file]));
  return {
    root,
    problems,
    folders: async () => content.folders.map(({ name }) => name).filter((name) => !name.includes('/')),
    async list(folder) {
      const { files, folders, hidden } = under(content, folder);
      const names = folders.map(({ name }) => name);
      return { root: join(root, folder), files, folders: names, problems: [], hidden: hidden.length };
    },
    async find(name) {
      const file = byName.get(name.replace(/^(\.\/+)+/, ''));
      return file ?? { kind: 'missing-file', message: 'the archive has no such file' };
    },
    async read({ name, within }, bytes) {
      const fail = (problem: string) => new UserError(`${join(root, name)} ${problem}.`);
      const size = Math.max(within?.length ?? 0, within?.zip?.size ?? 0);
      if (!within || size > bytes) throw fail(`has ${size} bytes, at most ${bytes} are read`);
      try {
        return readWithin(within);
      } catch (error) {
        throw fail(`cannot be read: ${(error as Error).message}`);
      }
    },
  };
}

/** The content of the archive by kind. The first of two members of one name counts. */
function sortMembers(path: string, members: readonly Member[]): Content & { readonly problems: readonly Problem[] } {
  const files = new Map<string, ListedFile>();
  const folders = new Set<string>();
  const hidden = new Set<string>();
  const problems: Problem[] = [];
  for (const { name, isFolder, within, refusal } of members) {
    const levels = name.split('/').filter((level) => level !== '' && level !== '.');
    const clean = levels.join('/');
    const report = ({ kind, message }: Refusal) =>
      problems.push({ path: `${path}/${quote(name).slice(1, -1)}`, kind, message });
    const unsafe = unsafeName(name, levels);
    if (unsafe !== undefined) report({ kind: 'unsafe-name', message: unsafe });
    else if (levels.length === 0) continue;
    else if (levels.some((level) => level.startsWith('.') || level === '__MACOSX')) hidden.add(clean);
    else if (refusal) report(refusal);
    else if (files.has(clean)) report({ kind: 'listed-twice', message: 'the archive has two of this name' });
    else {
      if (!isFolder && within) files.set(clean, { name: clean, within });
      for (let depth = isFolder ? levels.length : levels.length - 1; depth > 0; depth--) {
        const folder = levels.slice(0, depth).join('/');
        if (folders.has(folder)) break;
        folders.add(folder);
      }
    }
  }
  const named = (names: ReadonlySet<string>) => [...names].sort(compareNames).map((name) => ({ name }));
  return {
    files: [...files.values()].sort((a, b) => compareNames(a.name, b.name)),
    folders: named(folders),
    hidden: named(hidden),
    problems,
  };
}

/**
 * The reason why a member's name is unsafe. Nothing is ever written under it, but a name that means different places on
 * different systems is a trick.
 */
function unsafeName(name: string, levels: readonly string[]): string | undefined {
  if (levels.includes('..')) return 'its name leads out of the archive';
  if (name.startsWith('/') || /^[a-z]:/i.test(name)) return 'its name is absolute';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is the point
  if (/[\\\u0000-\u001f\u007f]/.test(name)) return 'its name has a backslash or control characters';
  // Each level is a folder to remember.
  if (name.length > 4096 || levels.length > 32) return 'its name is too long';
  return undefined;
}

/** The folder around everything; '' where there is none. */
function wrapperOf(content: Content, classDepth: number, isTable: (name: string) => boolean): string {
  const top = content.folders[0]?.name;
  const isAlone = top !== undefined && [...content.folders, ...content.files].every(({ name }) => within(top, name));
  if (!isAlone || splitNamed(top)) return '';
  const inner = under(content, top);
  const holdsClasses = inner.files.some(({ name }) => isImageName(name) && name.split('/').length > classDepth);
  if (!holdsClasses && !inner.files.some(({ name }) => isTable(name))) return '';
  const deeper = wrapperOf(inner, classDepth, isTable);
  return deeper === '' ? top : `${top}/${deeper}`;
}

function within(folder: string, name: string): boolean {
  return name === folder || name.startsWith(`${folder}/`);
}

function under({ files, folders, hidden }: Content, folder: string): Content {
  const cut = <T extends Named>(items: readonly T[]): readonly T[] =>
    folder === ''
      ? items
      : items
          .filter(({ name }) => name.startsWith(`${folder}/`))
          .map((item) => ({ ...item, name: item.name.slice(folder.length + 1) }));
  return { files: cut(files), folders: cut(folders), hidden: cut(hidden) };
}
