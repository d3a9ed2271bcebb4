import { UserError } from '@graft-ml/core/internal/base/errors';
import { collectionBounds } from '../collection/collection.ts';
import type { FoundFile } from '../collection/layout.ts';
import { unpackArchive } from '../collection/zip.ts';

/** A file that was dropped, chosen, pasted or packed, with its path where it has one. */
export interface Incoming extends FoundFile {
  read(): Promise<Blob>;
}

const mostFiles = 5 * collectionBounds.images;

/** Files of an input or the clipboard. */
export function incomingFiles(files: Iterable<File>): Incoming[] {
  return [...files].map((file) => ({ path: file.webkitRelativePath || file.name, read: async () => file }));
}

/** What was dropped, folders with all that is in them. Call it in the event itself, which forgets afterwards. */
export function droppedFiles(data: DataTransfer): Promise<Incoming[]> {
  const entries = [...data.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  if (entries.length === 0) return Promise.resolve(incomingFiles(data.files));
  return filesBelow(entries);
}

async function filesBelow(entries: readonly FileSystemEntry[]): Promise<Incoming[]> {
  const files: Incoming[] = [];
  const rest = [...entries];
  for (let entry = rest.shift(); entry; entry = rest.shift()) {
    if (isDirectory(entry)) rest.push(...(await entriesOf(entry)));
    else if (isFile(entry)) files.push(incomingOf(entry));
    if (files.length + rest.length > mostFiles) throw new UserError(`That is more than ${mostFiles} files.`);
  }
  return files;
}

function incomingOf(entry: FileSystemFileEntry): Incoming {
  return {
    path: entry.fullPath.slice(1),
    read: () => new Promise<File>((resolve, reject) => entry.file(resolve, reject)),
  };
}

/** All entries of a folder, which come in parts. */
async function entriesOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const part = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (part.length === 0) return all;
    all.push(...part);
  }
}

const isDirectory = (entry: FileSystemEntry): entry is FileSystemDirectoryEntry => entry.isDirectory;
const isFile = (entry: FileSystemEntry): entry is FileSystemFileEntry => entry.isFile;

/** The files with those in archives in place of the archives. @throws UserError (by rejection) of an archive */
export async function unpacked(files: readonly Incoming[]): Promise<Incoming[]> {
  const all: Incoming[] = [];
  for (const file of files) {
    if (/\.zip$/i.test(file.path)) all.push(...(await unpackArchive(await file.read(), file.path)));
    else all.push(file);
  }
  return all;
}
