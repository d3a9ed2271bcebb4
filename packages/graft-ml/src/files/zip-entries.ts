import { UserError } from '@graft-ml/core/internal/base/errors';
import { quote } from '@graft-ml/core/internal/base/quote';
import { type Entry, fromRandomAccessReader, RandomAccessReader, type ZipFile } from 'yauzl';
import type { RandomAccessFile } from './random-access.ts';

/** The header before an entry's data: its length without the name and the extra field, and where its fields stand. */
export const localHeader = { signature: 0x04034b50, bytes: 30, nameLength: 26, extraLength: 28 } as const;

/** @throws UserError where entries lie over each other, as in a bomb, or reach beyond the file */
export function assertNoOverlap(
  entries: readonly { readonly name: string; readonly header: number; readonly size: number }[],
  fileSize: number,
): void {
  const ordered = entries.toSorted((a, b) => a.header - b.header);
  ordered.forEach(({ name, header, size }, i) => {
    const next = ordered[i + 1]?.header ?? fileSize;
    if (header + localHeader.bytes + size > next) {
      throw new UserError(
        `${quote(name)} in the archive, ${size} bytes from ${header} on, reaches beyond byte ${next}, where it ` +
          'must end.',
      );
    }
  });
}

/**
 * The result of `take` for each entry of the central directory. @throws UserError where the directory is not sound, or
 * has more than `most` entries
 */
export function listZipEntries<T>(file: RandomAccessFile, most: number, take: (entry: Entry) => T): Promise<T[]> {
  return new Promise<T[]>((resolve, reject) => {
    const reader = new FileReader(file);
    reader.on('error', reject);
    fromRandomAccessReader(reader, file.size, { lazyEntries: true, autoClose: false }, (error, zip) => {
      if (error) reject(error);
      else collect(zip, most, take).then(resolve, reject);
    });
  }).catch((cause: Error) => {
    throw new UserError(`Its ZIP directory is damaged, or the file is cut short: ${cause.message}.`, { cause });
  });
}

function collect<T>(zip: ZipFile, most: number, take: (entry: Entry) => T): Promise<T[]> {
  return new Promise((resolve, reject) => {
    const taken: T[] = [];
    zip.on('error', reject);
    zip.on('end', () => resolve(taken));
    zip.on('entry', (entry: Entry) => {
      if (taken.push(take(entry)) > most) reject(new Error(`it has more than ${most} entries`));
      else zip.readEntry();
    });
    zip.readEntry();
  });
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
      // An error that yauzl throws in its callback would otherwise be unhandled.
      .catch((error) => this.emit('error', error));
  }
}
