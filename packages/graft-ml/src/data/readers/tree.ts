import { basename, extname, join } from 'node:path';
import { createContext, Script } from 'node:vm';
import { OptionError } from '@graft-ml/core/internal/base/errors';
import { printableName } from '@graft-ml/core/internal/base/printable';
import type { FolderProblemKind, Problem } from '@graft-ml/core/internal/image/problem';
import { type ListedPart, listParts, type Part } from '../folder-layout.ts';
import { type FileTree, foreignNameProblem, isImageName, type ListedFile, type Listing } from '../tree/listing.ts';
import type { Candidate, Found, ReaderOptions } from './found.ts';

/** The longest pattern, in characters. File names have 255, and V8 crashes on an expression of a hundred thousand. */
const longest = 1000;

/** The time that an expression may take for a thousand names, in milliseconds: some take years for one. */
const patience = 5_000;

/**
 * The content of a folder of class folders. Names are relative to the scanned folder and written with '/' everywhere.
 */
interface FolderScan {
  /** The images of each class, and an empty list for a class folder without any. Both in code unit order. */
  readonly classes: ReadonlyMap<string, readonly ListedFile[]>;
  readonly problems: readonly Problem[];
  /** Visible files of other extensions in class folders, which are passed over. In code unit order. */
  readonly others: readonly ListedFile[];
  /** The number of entries passed over, by extension; `hidden` for names that begin with a dot. */
  readonly ignored: ReadonlyMap<string, number>;
}

/**
 * Reads a folder, or an archive: by an expression on the names, or by its folders.
 *
 * @throws UserError where the expression is none, has no group, or takes too long
 */
export async function readTree(tree: FileTree, options: ReaderOptions): Promise<Found> {
  const { labelRegex, classDepth = 1 } = options;
  if (labelRegex === undefined) return readClassFolders(tree, await listParts(tree, options), classDepth);
  const pattern = parsePattern(labelRegex);
  return readByPattern(tree, await listParts(tree, { ...options, classDepth: 'deepest' }), pattern);
}

/** Reads `<class>/**` or `{train,val,test}/<class>/**`: the folders name the classes. */
function readClassFolders(tree: FileTree, listed: readonly ListedPart[], classDepth: number | 'deepest'): Found {
  const parts = listed.map(({ part }) => part);
  const scans = listed.map(({ listing }) => scanClasses(listing, classDepth));
  const candidatesIn = (part: Part, className: string, files: readonly ListedFile[]) =>
    files.map((file): Candidate => ({ ...file, path: join(part.folder, file.name), className, part }));
  const classOf = ({ name }: ListedFile) => classLevels(name, classDepth).join('/');
  return {
    base: tree.root,
    parts,
    candidates: parts.flatMap((part, i) =>
      [...scans[i]!.classes].flatMap(([className, files]) => candidatesIn(part, className, files)),
    ),
    others: parts.flatMap((part, i) => scans[i]!.others.flatMap((file) => candidatesIn(part, classOf(file), [file]))),
    classNames: new Set(scans.flatMap((scan) => [...scan.classes.keys()])),
    problems: [...tree.problems, ...scans.flatMap((scan) => scan.problems)],
    ignored: sumOf(scans.map((scan) => scan.ignored)),
    notes: [],
  };
}

/**
 * The folder levels that name the class of a file: the first `classDepth` ones, or all. None where it lies in no class.
 */
function classLevels(name: string, classDepth: number | 'deepest'): string[] {
  const levels = name.split('/').slice(0, -1);
  if (classDepth === 'deepest') return levels;
  return levels.length < classDepth ? [] : levels.slice(0, classDepth);
}

/**
 * Reads a listing as `<class>/**` where a class is `classDepth` folder levels, named `level/level`; or each folder that
 * holds images is one.
 *
 * Hidden entries and files of other extensions are ignored and counted. Images above the class level are problems, and
 * so are images in formats that are not read.
 */
function scanClasses(listing: Listing, classDepth: number | 'deepest'): FolderScan {
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

/** The counts of several parts together. */
export function sumOf(counts: readonly ReadonlyMap<string, number>[]): Map<string, number> {
  const sum = new Map<string, number>();
  for (const [reason, count] of counts.flatMap((some) => [...some])) sum.set(reason, (sum.get(reason) ?? 0) + count);
  return sum;
}

/**
 * Reads images whose file names say what is on them: the class is what the group `label` of the expression matches, or
 * its first group. Folders do not matter, except `train`, `val` and `test`.
 */
function readByPattern(tree: FileTree, listed: readonly ListedPart[], pattern: RegExp): Found {
  const candidates: Candidate[] = [];
  const problems: Problem[] = [...tree.problems];
  let ignored = 0;
  for (const { part, listing } of listed) {
    const images = listing.files.filter(({ name }) => isImageName(name));
    for (const { name } of listing.files) {
      const foreign = foreignNameProblem(name);
      if (foreign) problems.push({ path: join(part.folder, name), kind: 'foreign-format', message: foreign });
    }
    const labels = labelsOf(
      images.map(({ name }) => basename(name)),
      pattern,
    );
    images.forEach((file, i) => {
      const path = join(part.folder, file.name);
      const className = labels[i];
      if (className) candidates.push({ ...file, path, className, part });
      else problems.push({ path, kind: 'no-label', message: `its name does not match ${pattern}` });
    });
    problems.push(...listing.problems);
    ignored += listing.hidden + listing.files.length - images.length;
  }
  return {
    base: tree.root,
    parts: listed.map(({ part }) => part),
    candidates,
    classNames: new Set(candidates.map(({ className }) => className)),
    problems,
    ignored: new Map(ignored > 0 ? [['hidden or of other kinds', ignored]] : []),
    notes: [],
  };
}

function parsePattern(source: string): RegExp {
  const refuse = (problem: string) =>
    new OptionError({
      option: 'labelRegex',
      expected: 'an expression with a group that matches the class in the file’s name, as in ^(.+)_\\d+\\.jpg$',
      received: source,
      problem:
        ` ${printableName(source)} ${problem}. As in ^(.+)_\\d+\\.jpg$, a group must match the class in the file's ` +
        'name.',
    });
  if (source.length > longest) throw refuse(`has ${source.length} characters, at most ${longest} are read`);
  try {
    // An empty alternative matches anything at once, and the match has an entry for each group.
    if (new RegExp(`|${source}`).exec('')!.length === 1) throw refuse('has no group');
    return new RegExp(source);
  } catch (error) {
    throw error instanceof OptionError ? error : refuse(`is no regular expression (${(error as Error).message})`);
  }
}

/** The group's match in each name; undefined or '' where there is no class in it. */
function labelsOf(names: readonly string[], pattern: RegExp): (string | undefined)[] {
  const script = new Script(
    'names.map((name) => { const found = pattern.exec(name); return found && [...found, found.groups]; })',
  );
  const labels: (string | undefined)[] = [];
  for (let start = 0; start < names.length; start += 1000) {
    const context = createContext({ names: names.slice(start, start + 1000), pattern });
    try {
      // Only code in a context of its own can be stopped while it runs.
      const found: (readonly [...string[], Record<string, string> | undefined] | null)[] = script.runInContext(
        context,
        {
          timeout: patience,
        },
      );
      for (const match of found) {
        const groups = match?.at(-1) as Record<string, string> | undefined;
        labels.push(groups?.label ?? (match?.[1] as string | undefined));
      }
    } catch (error) {
      // V8 also throws where it runs out of room: "Maximum call stack size exceeded", "Regular expression too large".
      const isTooLong = (error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
      const what = isTooLong ? 'takes too long' : `cannot be run (${(error as Error).message.slice(-200)})`;
      throw new OptionError({
        option: 'labelRegex',
        expected: 'an expression that is quick',
        received: pattern.source,
        problem:
          ` ${printableName(pattern.source)} ${what} on names like ${printableName(names[start]!)}. A repeated group ` +
          'inside a repeated group does that; write it without.',
        cause: error,
      });
    }
  }
  return labels;
}
