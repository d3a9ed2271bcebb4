import { join } from 'node:path';
import { option } from '@graft-ml/core/internal/base/code';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { quote } from '@graft-ml/core/internal/base/quote';
import type { Problem } from '@graft-ml/core/internal/image/problem';
import { type Part, partsByName, splitNamed, splitsNamed } from '../folder-layout.ts';
import type { FileTree } from '../tree/listing.ts';
import { type Columns, findColumns, hasLabelColumn } from './columns.ts';
import type { Candidate, Found, ReaderOptions } from './found.ts';
import { openTable, type Row, tableBounds } from './rows.ts';

/** A table of images. */
interface TableFile {
  /** Below the tree's root. */
  readonly name: string;
  /** The part that all its images belong to, where its place says so; their paths begin there. */
  readonly part?: Part;
}

/** An image that a row has named, for comparison with a second row. */
interface Entry {
  readonly candidate: Candidate;
  readonly at: string;
  isContradicted: boolean;
}

/** A class name that is longer, or has control characters, comes from the wrong column. */
const longestLabel = 200;

/** The files that Hugging Face's `imagefolder` takes for descriptions of the others. */
const metadataNames: readonly string[] = ['metadata.csv', 'metadata.jsonl'];

/** Whether a file is a table of the files beside it. */
export function isMetadata(name: string): boolean {
  return metadataNames.includes(name);
}

/**
 * Reads tables with a row for each image: its path, relative to the table's folder, its class, and perhaps its split.
 *
 * @param table the name of the table in the tree; null for those that describe the files beside them (`findTables`)
 * @returns null where there are none
 * @throws UserError where a table is damaged, its columns are not found, or a split has another name than those of
 * splits
 */
export async function readTables(tree: FileTree, table: string | null, options: ReaderOptions): Promise<Found | null> {
  const tables = table === null ? await findTables(tree, options) : [{ name: table }];
  if (tables.length === 0) return null;
  const entries = new Map<string, Entry>();
  const parts = new Map<string, Part>();
  const problems: Problem[] = [...tree.problems];
  const notes: string[] = [];
  const splitWords = new Set<string>();
  for (const table of tables) {
    const name = join(tree.root, table.name);
    const file = await tree.find(table.name);
    if ('kind' in file) throw new UserError(`${name} cannot be read: ${file.message}.`);
    const content = await openTable(await tree.read(file, tableBounds.bytes), name);
    const named = findColumns(content.columns, options, name);
    const columns = options.parts === 'none' ? { ...named, split: undefined } : named;
    notes.push(describeColumns(name, columns));
    const wanted = [columns.path, columns.label, ...(columns.split === undefined ? [] : [columns.split])];
    for await (const row of content.rows(wanted)) {
      const at = `${name}:${row.line}`;
      const read = await readRow(tree, table, row, { name, at, parts });
      if (columns.split !== undefined) splitWords.add(row.texts[2]!.toLowerCase());
      if ('kind' in read) problems.push(read);
      else enter(read, at, entries, problems);
    }
  }
  assertClearSplits(tree.root, [...splitWords]);
  const candidates = [...entries.values()].filter((entry) => !entry.isContradicted).map((entry) => entry.candidate);
  const found = [...parts.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  assertTrainable(tree.root, found, options);
  const classNames = new Set(candidates.map(({ className }) => className));
  return { base: tree.root, parts: found, candidates, classNames, problems, ignored: new Map(), notes };
}

/**
 * The tables that describe the files beside them, in a tree's root or in the folders of its splits, as far as they say
 * what the classes are. None where the classes are found in the names.
 *
 * @throws UserError where columns are named and there is no such table, or some splits have one and some have not
 */
async function findTables(tree: FileTree, options: ReaderOptions): Promise<TableFile[]> {
  const { labelRegex, pathColumn, labelColumn, splitColumn } = options;
  if (labelRegex !== undefined) return [];
  const parts = partsByName(tree.root, await tree.folders(), options.parts);
  const found: TableFile[] = [];
  for (const name of metadataNames) {
    if (await labels(tree, name, options)) return [{ name }];
    for (const part of parts.filter(({ split }) => split !== undefined)) {
      const inPart = `${part.name}/${name}`;
      if (await labels(tree, inPart, options)) found.push({ name: inPart, part });
    }
  }
  if (found.length === 0 && (pathColumn ?? labelColumn ?? splitColumn) !== undefined) {
    throw new UserError(
      `Columns are named, but ${tree.root} has no ${metadataNames.join(' or ')}. Name the table itself.`,
    );
  }
  const described = found.map(({ part }) => part!.name);
  const bare = parts.filter(({ name }) => !described.includes(name));
  if (found.length > 0 && bare.length > 0) {
    throw new UserError(
      `In ${tree.root}, ${described.join(', ')} say what their images are in ${metadataNames.join(' or ')}, ` +
        `and ${bare.map(({ name }) => name).join(', ')} do not.`,
    );
  }
  return found;
}

async function labels(tree: FileTree, name: string, options: ReaderOptions): Promise<boolean> {
  const file = await tree.find(name);
  if ('kind' in file) return false;
  const { columns } = await openTable(await tree.read(file, tableBounds.bytes), name);
  return hasLabelColumn(columns, options);
}

/** The image of a row, or why it gives none. */
async function readRow(
  tree: FileTree,
  table: TableFile,
  { texts }: Row,
  { name, at, parts }: { name: string; at: string; parts: Map<string, Part> },
): Promise<Candidate | Problem> {
  const [path = '', className = '', splitName] = texts;
  if (path === '') return { path: at, kind: 'missing-file', message: 'the row names no file' };
  const unlabelled = unusableLabel(className);
  if (unlabelled !== undefined) return { path: at, kind: 'no-label', message: unlabelled };
  if (splitName === '') return { path: at, kind: 'no-label', message: 'the row names no split' };

  const folder = table.part ? `${table.part.name}/` : '';
  const isAbsolute = path.startsWith('/');
  const written = path.replaceAll('\\', '/');
  const file = await tree.find(isAbsolute ? written : `${folder}${written}`);
  if ('kind' in file) {
    const shown = join(tree.root, folder, quote(path).slice(1, -1));
    return {
      path: isAbsolute ? quote(path).slice(1, -1) : shown,
      kind: file.kind,
      message: `${file.message}, says ${at}`,
    };
  }
  const part = partOf(parts, table.part ?? namedPart(name, splitName, at));
  const inPart = file.name.startsWith(folder) ? file.name.slice(folder.length) : file.name;
  return { ...file, name: inPart, path: join(tree.root, file.name), className, part };
}

/** The reason why a text cannot be a class; undefined where it can. */
function unusableLabel(text: string): string | undefined {
  if (text === '') return 'the row names no class';
  if (text.length > longestLabel) return `its class has ${text.length} characters, at most ${longestLabel} are taken`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is the point
  return /[\u0000-\u001f\u007f]/.test(text) ? 'its class has control characters' : undefined;
}

/** Enters an image. One that two rows name counts once, and not at all where they disagree. */
function enter(candidate: Candidate, at: string, entries: Map<string, Entry>, problems: Problem[]): void {
  const { path, className, part } = candidate;
  const first = entries.get(path);
  if (!first) {
    entries.set(path, { candidate, at, isContradicted: false });
    return;
  }
  const isSame = first.candidate.className === className && first.candidate.part === part;
  if (!isSame) first.isContradicted = true;
  const say = ({ className, part }: Candidate) => `${className}${part.split ? ` in ${part.name}` : ''}`;
  const message = isSame
    ? `${at} names it again`
    : `it is left out: ${first.at} says ${say(first.candidate)}, ${at} says ${say(candidate)}`;
  problems.push({ path, kind: 'listed-twice', message });
}

/** The part that a row's split stands for. */
function namedPart(table: string, splitName: string | undefined, at: string): Part {
  if (splitName === undefined) return { name: '', folder: table, split: undefined };
  const split = splitNamed(splitName);
  if (split) return { name: split, folder: join(table, split), split };
  throw new UserError(
    `${at} has the split ${quote(splitName)}. Expected train, val or test; rename the column if it is something ` +
      `else, or pass ${option('parts', 'none')} to take no notice of it.`,
  );
}

/** @throws UserError where it is unclear whether two names stand for the same split */
function assertClearSplits(root: string, words: readonly string[]): void {
  const beside = splitsNamed(words);
  const doubtful = words.find((word, i) => splitNamed(word) !== beside[i]);
  if (doubtful === undefined) return;
  const others = words.filter((word, i) => word !== doubtful && beside[i] === 'validation');
  throw new UserError(
    `In ${root}, rows are in the splits ${quote(doubtful)} and ${others.map(quote).join(', ')}. If ` +
      `${quote(doubtful)} is for testing, write test; if it is for validation, write val.`,
  );
}

/** The part itself, or the equal one that is known already. */
function partOf(parts: Map<string, Part>, part: Part): Part {
  const known = parts.get(part.folder);
  if (known) return known;
  parts.set(part.folder, part);
  return part;
}

function assertTrainable(root: string, parts: readonly Part[], { classes }: ReaderOptions): void {
  if (classes !== undefined || parts.length === 0) return;
  if (parts.some(({ split }) => split === undefined || split === 'train')) return;
  throw new UserError(`${root} has images for ${parts.map(({ name }) => name).join(', ')}, but none to train on.`);
}

function describeColumns(table: string, { path, label, split }: Columns): string {
  const splits = split === undefined ? '' : `, splits from ${quote(split)}`;
  return `${table}: images from column ${quote(path)}, classes from ${quote(label)}${splits}.`;
}
