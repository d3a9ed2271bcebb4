import type { Stats } from 'node:fs';
import { opendir, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import { readStart } from '../../files/read.ts';
import { sniffFormat } from '../decode.ts';
import { acceptedShapes } from '../folder-layout.ts';
import { archiveFormat, openArchive } from '../tree/archive-tree.ts';
import { folderTree } from '../tree/folder-tree.ts';
import type { FileTree } from '../tree/listing.ts';
import type { Found, ReaderOptions } from './found.ts';
import { findParquetFiles, type ParquetFile, readParquet } from './parquet.ts';
import { findTables, isMetadata, readTables, type TableFile } from './table.ts';
import { readTree } from './tree.ts';

/**
 * A dataset by what lies at its path: Parquet files, a table with the tree that its paths lead into, or a tree of
 * images.
 */
type Shape =
  | { readonly kind: 'parquet'; readonly files: readonly ParquetFile[] }
  | { readonly kind: 'table'; readonly tree: FileTree; readonly table: TableFile; readonly notes: readonly string[] }
  | { readonly kind: 'tree'; readonly tree: FileTree; readonly notes: readonly string[] };

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

/** Whether there is something at `path`, before more is done for it. @throws UserError where there is nothing */
export async function statDataset(path: string): Promise<Stats> {
  return stat(path).catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === 'ENOENT' ? 'does not exist' : `cannot be opened (${error.message})`;
    throw new UserError(`${path} ${reason}. Expected ${acceptedShapes}.`);
  });
}

/**
 * Whether there may be a dataset at `path`, by one look, before weights are downloaded for it. @throws UserError where
 * there is nothing, or an empty folder
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
 * Finds the images of the dataset at `path`, whatever its shape, which its content shows. @throws UserError where it is
 * no dataset
 */
export async function findCandidates(path: string, options: ReaderOptions): Promise<Found> {
  const shape = await shapeOf(path, options);
  if (shape.kind === 'parquet') return readParquet(path, shape.files, options);
  const { tree, notes } = shape;
  const tables = shape.kind === 'table' ? [shape.table] : await findTables(tree, options);
  const found = await (tables.length > 0 ? readTables(tree, tables, options) : readTree(tree, options));
  return { ...found, notes: [...notes, ...found.notes] };
}

async function shapeOf(path: string, options: ReaderOptions): Promise<Shape> {
  const status = await statDataset(path);
  if (status.isDirectory()) {
    const tree = folderTree(path, options);
    const files = await findParquetFiles(path, await tree.folders(), options);
    return files.length > 0 ? { kind: 'parquet', files } : { kind: 'tree', tree, notes: [] };
  }
  if (!status.isFile()) throw new UserError(`${path} is neither a folder nor a plain file.`);
  const start = await readStart(path);
  if (start.toString('latin1').startsWith('PAR1')) return { kind: 'parquet', files: [{ path, split: undefined }] };
  const format = archiveFormat(start);
  if (format) {
    const { cache, classDepth = 1 } = options;
    const depth = classDepth === 'deepest' ? 1 : classDepth;
    return { kind: 'tree', ...(await openArchive(path, format, { cache, classDepth: depth, isTable: isMetadata })) };
  }
  assertReadable(path, start);
  if (options.labelRegex !== undefined) {
    throw new OptionError({
      option: 'labelRegex',
      expected: 'nothing for a table',
      received: options.labelRegex,
      problem: ` is for folders and archives; ${path} is a table with a column for the class.`,
    });
  }
  return { kind: 'table', tree: folderTree(dirname(path), options), table: { name: basename(path) }, notes: [] };
}

/** @throws UserError where the file is no text, with what it is instead if that is known */
function assertReadable(path: string, start: Buffer): void {
  const text = start.toString('latin1');
  const refuse = (what: string) => new UserError(`${path} is ${what}. Expected ${acceptedShapes}.`);
  if (start.length === 0) throw refuse('empty');
  if (sniffFormat(start)) throw refuse('a single image');
  const known = foreign.find(([bytes]) => text.startsWith(bytes));
  if (known) throw refuse(known[1]);
  if (start.includes(0)) throw refuse('neither an archive nor text');
}
