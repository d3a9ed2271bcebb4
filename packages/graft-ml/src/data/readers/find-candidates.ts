import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import { defaultCache } from '../../cache/folder-cache.ts';
import type { Member } from '../../files/archives/member.ts';
import { isTar, tarMembers } from '../../files/archives/tar.ts';
import { gunzipped } from '../../files/archives/unpack.ts';
import { zipMembers } from '../../files/archives/zip.ts';
import { openPlainFile } from '../../files/read.ts';
import { sniffFormat } from '../decode.ts';
import { expectedLayouts } from '../folder-layout.ts';
import { archiveTree } from '../tree/archive-tree.ts';
import { folderTree } from '../tree/folder-tree.ts';
import type { Found, ReaderOptions } from './found.ts';
import { findParquetFiles, readParquet } from './parquet.ts';
import { readTables } from './table.ts';
import { isMetadata, readTree } from './tree.ts';

/** The accepted shapes of a dataset, for messages. */
export const acceptedShapes = `${expectedLayouts}, a CSV or JSON Lines file with a path and a class in each row, Parquet files with images in them, or such a folder in a .zip, .tar or .tar.gz`;

/** Formats that people pack or list images in and that are not read: their first bytes, in latin1. */
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
 * Finds the images of the dataset at `path`, whatever its shape, which its content shows. @throws UserError where it is
 * no dataset
 */
export async function findCandidates(path: string, options: ReaderOptions): Promise<Found> {
  const status = await statDataset(path);
  if (status.isDirectory()) return readFolder(path, options);
  if (!status.isFile()) throw new UserError(`${path} is neither a folder nor a plain file.`);

  const start = await firstBytes(path);
  const text = start.toString('latin1');
  if (text.startsWith('PK\x03\x04') || text.startsWith('PK\x05\x06')) {
    return readArchive(path, await zipMembers(path), options);
  }
  if (text.startsWith('\x1f\x8b')) return readGzipped(path, options);
  if (text.startsWith('PAR1')) return readParquet(path, [{ path, split: undefined }], options);
  if (isTar(start)) return readArchive(path, await tarMembers(path), options);
  assertReadable(path, start);
  if (options.labelRegex !== undefined) {
    throw new OptionError({
      option: 'labelRegex',
      expected: 'nothing for a table',
      received: options.labelRegex,
      problem: ` is for folders and archives; ${path} is a table with a column for the class.`,
    });
  }
  return readTables(folderTree(dirname(path), options), [{ name: basename(path) }], options);
}

async function readFolder(path: string, options: ReaderOptions): Promise<Found> {
  const tree = folderTree(path, options);
  const tables = await findParquetFiles(path, await tree.folders(), options);
  return tables.length > 0 ? readParquet(path, tables, options) : readTree(tree, options);
}

async function firstBytes(path: string): Promise<Buffer> {
  const handle = await openPlainFile(path).catch((error: Error) => {
    throw new UserError(`${path} cannot be opened (${error.message}).`);
  });
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4096), 0, 4096, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

function readArchive(path: string, members: readonly Member[], options: ReaderOptions): Promise<Found> {
  const classDepth = options.classDepth === 'deepest' ? 1 : (options.classDepth ?? 1);
  return readTree(archiveTree(path, members, { classDepth, isTable: isMetadata }), options);
}

/** A gzipped archive has no way to one of its images but through all before it: it is unpacked once. */
async function readGzipped(path: string, options: ReaderOptions): Promise<Found> {
  const { path: unpacked, notes } = await gunzipped(options.cache === undefined ? defaultCache() : options.cache, path);
  if (!isTar(await firstBytes(unpacked))) {
    throw new UserError(`${path} is gzipped, and not a tar archive. Unpack it. Expected ${acceptedShapes}.`);
  }
  const found = await readArchive(path, await tarMembers(unpacked), options);
  return {
    ...found,
    notes: [
      ...notes,
      `${path} was unpacked into ${unpacked}: a gzipped archive cannot be read in place.`,
      ...found.notes,
    ],
  };
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
