import type { Stats } from 'node:fs';
import { opendir, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { didYouMean } from '@graft-ml/core/internal/base/choice';
import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import { defaultCache } from '../../cache/folder-cache.ts';
import { openArchive } from '../../files/archives/open-archive.ts';
import { readStart } from '../../files/read.ts';
import { sniffFormat } from '../decode.ts';
import { acceptedShapes } from '../folder-layout.ts';
import { archiveTree } from '../tree/archive-tree.ts';
import { folderTree } from '../tree/folder-tree.ts';
import type { FileTree } from '../tree/listing.ts';
import type { Found, ReaderOptions } from './found.ts';
import { readParquet } from './parquet.ts';
import { isMetadata, readTables } from './table.ts';
import { readTree } from './tree.ts';

/** The kind of what lies at the path of a dataset, by its content, and the files there or beside it. */
interface Source {
  readonly kind: 'folder' | 'archive' | 'table' | 'parquet';
  readonly tree: FileTree;
  readonly notes: readonly string[];
}

/** Common formats of archives and lists that are not read: their first bytes, in latin1. */
const foreign: readonly (readonly [start: string, what: string])[] = [
  ['7z\xbc\xaf\x27\x1c', 'a 7-Zip archive'],
  ['Rar!', 'a RAR archive'],
  ['BZh', 'compressed with bzip2'],
  ['\xfd7zXZ', 'compressed with xz'],
  ['\x28\xb5\x2f\xfd', 'compressed with Zstandard'],
  ['%PDF', 'a PDF'],
  ['ARROW1', 'an Arrow file'],
  ['\x89HDF', 'an HDF5 file'],
];

/** The status of `path`. @throws UserError where nothing is there */
export async function statDataset(path: string): Promise<Stats> {
  return stat(path).catch(async (error: NodeJS.ErrnoException) => {
    const isAbsent = error.code === 'ENOENT';
    const reason = isAbsent ? 'does not exist' : `cannot be opened (${error.message})`;
    throw new UserError(`${path} ${reason}.${isAbsent ? await nameNear(path) : ''} Expected ${acceptedShapes}.`);
  });
}

/** The name beside a path that was probably meant. */
async function nameNear(path: string): Promise<string> {
  const names: string[] = [];
  try {
    for await (const { name } of await opendir(dirname(path))) if (names.push(name) === 1000) break;
  } catch {
    return ''; // there is no such folder either
  }
  return didYouMean(basename(path), names);
}

/**
 * A quick check before weights are downloaded for a dataset. @throws UserError where nothing is at `path`, or an empty
 * folder
 */
export async function assertMayHoldImages(path: string): Promise<void> {
  if (!(await statDataset(path)).isDirectory()) return;
  const entries = await opendir(path, { bufferSize: 1 });
  try {
    if ((await entries.read()) === null)
      throw new UserError(`${path} holds no usable images: the folder is empty. Expected ${acceptedShapes}.`);
  } finally {
    await entries.close();
  }
}

/**
 * Finds the images of the dataset at `path`: in Parquet files, by a table, or by their folders or names. @throws
 * UserError where it is no dataset
 */
export async function findCandidates(path: string, options: ReaderOptions): Promise<Found> {
  const { kind, tree, notes } = await openSource(path, options);
  if (kind === 'folder' || kind === 'parquet') {
    const parquet = await readParquet(path, kind === 'folder' ? await tree.folders() : null, options);
    if (parquet) return parquet;
  }
  const tables = await readTables(tree, kind === 'table' ? basename(path) : null, options);
  const found = tables ?? (await readTree(tree, options));
  return { ...found, notes: [...notes, ...found.notes] };
}

async function openSource(path: string, options: ReaderOptions): Promise<Source> {
  const status = await statDataset(path);
  if (!status.isDirectory() && !status.isFile()) throw new UserError(`${path} is neither a folder nor a plain file.`);
  const start = status.isFile() ? await readStart(path) : null;
  const { cache = defaultCache(), classDepth = 1 } = options;
  const archive = start && (await openArchive(path, start, cache));
  if (archive) {
    const depth = classDepth === 'deepest' ? 1 : classDepth;
    const tree = archiveTree(path, archive.members, { classDepth: depth, isTable: isMetadata });
    return { kind: 'archive', tree, notes: archive.notes };
  }
  const kind = start ? kindOf(path, start, options) : 'folder';
  return { kind, tree: folderTree(kind === 'folder' ? path : dirname(path), options), notes: [] };
}

/**
 * The kind of a file that is no archive. @throws UserError where it is neither Parquet nor text, with what it is instead
 * if that is known
 */
function kindOf(path: string, start: Buffer, { labelRegex }: ReaderOptions): 'parquet' | 'table' {
  const text = start.toString('latin1');
  if (text.startsWith('PAR1')) return 'parquet';
  const refuse = (what: string) => new UserError(`${path} is ${what}. Expected ${acceptedShapes}.`);
  if (start.length === 0) throw refuse('empty');
  if (sniffFormat(start)) throw refuse('a single image');
  const known = foreign.find(([bytes]) => text.startsWith(bytes));
  if (known) throw refuse(known[1]);
  if (start.includes(0)) throw refuse('neither an archive nor text');
  if (labelRegex !== undefined) {
    throw new OptionError({
      option: 'labelRegex',
      expected: 'nothing for a table',
      received: labelRegex,
      problem: ` is for folders and archives; ${path} is a table with a column for the class.`,
    });
  }
  return 'table';
}
