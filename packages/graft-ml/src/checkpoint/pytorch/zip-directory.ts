import { UserError } from '@graft-ml/core/internal/base/errors';
import { quote } from '@graft-ml/core/internal/base/quote';
import type { RandomAccessFile } from '../../files/random-access.ts';
import { assertNoOverlap, listZipEntries, localHeader } from '../../files/zip-entries.ts';

/** An entry of a ZIP archive. */
export interface ZipEntry {
  readonly name: string;
  /** The size in bytes, as stored in the archive. */
  readonly size: number;
  readonly isCompressed: boolean;
  readonly crc32: number;
  /** The position of its header. */
  readonly header: number;
}

/** More than any checkpoint has storages. */
const mostEntries = 50_000;

/**
 * The entries of a ZIP archive by name, from its central directory.
 *
 * Refuses what torch.save never writes and what tricks are made of: encrypted entries, a name twice, entries that
 * overlap or reach beyond the file.
 */
export async function readZipDirectory(file: RandomAccessFile): Promise<Map<string, ZipEntry>> {
  const entries = new Map<string, ZipEntry>();
  for (const entry of await listZipEntries(file, mostEntries, (each) => each)) {
    const { fileName: name, compressedSize: size, crc32, relativeOffsetOfLocalHeader: header } = entry;
    const refuse = (problem: string) => new UserError(`${quote(name)} in the archive ${problem}.`);
    if (entry.generalPurposeBitFlag & 1) throw refuse('is encrypted');
    if (entries.has(name)) throw refuse('is there twice');
    entries.set(name, { name, size, crc32, header, isCompressed: entry.compressionMethod !== 0 });
  }
  assertNoOverlap([...entries.values()], file.size);
  return entries;
}

/**
 * The position of an entry's data. @throws UserError where it is compressed, which torch.save never does, or its header
 * is not there, or is another entry's
 */
export async function locateEntry(file: RandomAccessFile, entry: ZipEntry): Promise<number> {
  const { name, header, size } = entry;
  if (entry.isCompressed) {
    throw new UserError(
      `${quote(name)} in the archive is compressed, which torch.save never does. Unpack the archive, or save the ` +
        'weights again.',
    );
  }
  const damaged = () => new UserError(`${quote(name)} is not where the archive says. The file is damaged.`);
  if (header + localHeader.bytes > file.size) throw damaged();
  const fields = await file.read(header, localHeader.bytes);
  const view = new DataView(fields.buffer);
  const nameLength = view.getUint16(localHeader.nameLength, true);
  const start = header + localHeader.bytes + nameLength + view.getUint16(localHeader.extraLength, true);
  if (view.getUint32(0, true) !== localHeader.signature || start + size > file.size) throw damaged();
  const found = new TextDecoder().decode(await file.read(header + localHeader.bytes, nameLength));
  if (found !== name) throw damaged();
  return start;
}
