import { type Entry, fromRandomAccessReader, RandomAccessReader, type ZipFile } from 'yauzl';
import { UserError } from '../../base/errors.ts';
import { quote } from '../../base/quote.ts';
import type { RandomAccessFile } from '../random-access.ts';

/** An entry of a ZIP archive. */
export interface ZipEntry {
  readonly name: string;
  /** In bytes, as it lies in the archive. */
  readonly size: number;
  readonly isCompressed: boolean;
  readonly crc32: number;
  /** Where its header is. */
  readonly header: number;
}

/** More than any checkpoint has storages. */
const MOST_ENTRIES = 50_000;
const LOCAL_HEADER_BYTES = 30;
const LOCAL_HEADER = 0x04034b50;

/**
 * The entries of a ZIP archive by name, from its central directory.
 *
 * Refuses what torch.save never writes and what tricks are made of: encrypted entries, a name twice, entries that overlap or reach
 * beyond the file.
 */
export async function readZipDirectory(file: RandomAccessFile): Promise<Map<string, ZipEntry>> {
  const entries = new Map<string, ZipEntry>();
  for (const entry of await listEntries(file)) {
    const { fileName: name, compressedSize: size, crc32, relativeOffsetOfLocalHeader: header } = entry;
    const refuse = (problem: string) => new UserError(`${quote(name)} in the archive ${problem}.`);
    if (entry.generalPurposeBitFlag & 1) throw refuse('is encrypted');
    if (entries.has(name)) throw refuse('is there twice');
    entries.set(name, { name, size, crc32, header, isCompressed: entry.compressionMethod !== 0 });
  }
  checkOverlap([...entries.values()], file.size);
  return entries;
}

function checkOverlap(entries: readonly ZipEntry[], fileSize: number): void {
  const ordered = entries.toSorted((a, b) => a.header - b.header);
  ordered.forEach(({ name, header, size }, i) => {
    const next = ordered[i + 1]?.header ?? fileSize;
    if (header + LOCAL_HEADER_BYTES + size > next) {
      throw new UserError(
        `${quote(name)} in the archive, ${size} bytes from ${header} on, reaches beyond byte ${next}, where it must end.`,
      );
    }
  });
}

/**
 * Where the data of an entry begins.
 *
 * @throws UserError where it is compressed, which torch.save never does, or its header is not there, or is another entry's
 */
export async function locateEntry(file: RandomAccessFile, entry: ZipEntry): Promise<number> {
  const { name, header, size } = entry;
  if (entry.isCompressed) {
    throw new UserError(
      `${quote(name)} in the archive is compressed, which torch.save never does. Unpack the archive, or save the weights again.`,
    );
  }
  const damaged = () => new UserError(`${quote(name)} is not where the archive says. The file is damaged.`);
  if (header + LOCAL_HEADER_BYTES > file.size) throw damaged();
  const fields = await file.read(header, LOCAL_HEADER_BYTES);
  const view = new DataView(fields.buffer);
  const nameLength = view.getUint16(26, true);
  const start = header + LOCAL_HEADER_BYTES + nameLength + view.getUint16(28, true);
  if (view.getUint32(0, true) !== LOCAL_HEADER || start + size > file.size) throw damaged();
  const found = new TextDecoder().decode(await file.read(header + LOCAL_HEADER_BYTES, nameLength));
  if (found !== name) throw damaged();
  return start;
}

/** @throws UserError where the central directory is not sound */
function listEntries(file: RandomAccessFile): Promise<Entry[]> {
  return new Promise<Entry[]>((resolve, reject) => {
    const reader = new FileReader(file);
    reader.on('error', reject);
    fromRandomAccessReader(reader, file.size, { lazyEntries: true, autoClose: false }, (error, zip) => {
      if (error) reject(error);
      else collect(zip, resolve, reject);
    });
  }).catch((cause: Error) => {
    throw new UserError(`Its ZIP directory is damaged, or the file is cut short: ${cause.message}.`, { cause });
  });
}

function collect(zip: ZipFile, resolve: (entries: Entry[]) => void, reject: (error: Error) => void): void {
  const entries: Entry[] = [];
  zip.on('error', reject);
  zip.on('end', () => resolve(entries));
  zip.on('entry', (entry: Entry) => {
    if (entries.push(entry) > MOST_ENTRIES) reject(new Error(`it has more than ${MOST_ENTRIES} entries`));
    else zip.readEntry();
  });
  zip.readEntry();
}

/** Gives yauzl the headers it asks for. */
class FileReader extends RandomAccessReader {
  readonly #file: RandomAccessFile;

  constructor(file: RandomAccessFile) {
    super();
    this.#file = file;
  }

  override _readStreamForRange(): never {
    throw new Error('only headers are read through yauzl');
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null, bytesRead?: number) => void,
  ): void {
    this.#file
      .read(position, length)
      .then(
        (bytes) => {
          buffer.set(bytes, offset);
          callback(null, length);
        },
        (error) => callback(error),
      )
      // What yauzl throws in its callback would otherwise be nobody's.
      .catch((error) => this.emit('error', error));
  }
}
