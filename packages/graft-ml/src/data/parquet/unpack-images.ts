import type { FileHandle } from 'node:fs/promises';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { quote } from '@graft-ml/core/internal/base/quote';
import {
  type AsyncBuffer,
  type Compressors,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { openPlainFile } from '../../files/read.ts';
import type { ColumnOptions } from '../readers/columns.ts';
import { findParquetColumns, type ParquetColumns } from './columns.ts';
import { PackWriter } from './pack.ts';

/** Limits on a file: it is read one row group at a time, and each of those as a whole. */
const bounds = { groupBytes: 2 ** 30, pageBytes: 2 ** 30, rows: 1_500_000, groupRows: 200_000 } as const;

/**
 * Unpacks the images of a Parquet file into a pack at `out`, row group by row group.
 *
 * @throws UserError where the file is damaged, has no such columns, or row groups that are too large to be held
 */
export async function unpackImages(
  path: string,
  out: string,
  options: ColumnOptions,
  onProgress: (done: number, total: number) => void,
): Promise<void> {
  const handle = await openPlainFile(path);
  const pack = await PackWriter.create(out);
  try {
    const file = bufferOf(handle, (await handle.stat()).size);
    const metadata = await damaged(path, () => parquetMetadataAsync(file, { geoparquet: false }));
    const total = Number(metadata.num_rows);
    if (!(total <= bounds.rows)) throw new UserError(`${path} has ${total} rows, at most ${bounds.rows} are read.`);
    const columns = findParquetColumns(metadata, options, path);
    const names = new Set<string>();
    let rowStart = 0;
    for (const [number, group] of metadata.row_groups.entries()) {
      assertRowGroupSize(path, number, group);
      const rowEnd = rowStart + Number(group.num_rows);
      const rows = await damaged(path, () => readRows(file, metadata, columns, rowStart, rowEnd));
      for (const [i, row] of rows.entries()) {
        const { bytes, name } = imageOf(row, columns);
        const unique = uniqueName(name, rowStart + i, names);
        await pack.add(unique, labelOf(row[columns.label], columns.classNames), bytes);
      }
      rowStart = rowEnd;
      onProgress(rowStart, total);
    }
    await pack.finish(`images from column ${quote(columns.image)}, classes from ${quote(columns.label)}`);
  } finally {
    await pack.close();
    await handle.close();
  }
}

function readRows(
  file: AsyncBuffer,
  metadata: FileMetaData,
  columns: ParquetColumns,
  rowStart: number,
  rowEnd: number,
) {
  const { image, label, name } = columns;
  const wanted = [image, label, ...(name === undefined ? [] : [name])];
  // Bytes that are not declared as text stay bytes.
  return parquetReadObjects({
    file,
    metadata,
    columns: wanted,
    rowStart,
    rowEnd,
    compressors: bounded(compressors),
    utf8: false,
  });
}

function bufferOf(handle: FileHandle, byteLength: number): AsyncBuffer {
  return {
    byteLength,
    async slice(start, end = byteLength) {
      const [from, to] = [start < 0 ? byteLength + start : start, end < 0 ? byteLength + end : end];
      if (!(from >= 0 && from <= to && to <= byteLength))
        throw new RangeError(`bytes ${from} to ${to} are not in the file`);
      const bytes = new Uint8Array(to - from);
      for (let done = 0; done < bytes.length; ) {
        const { bytesRead } = await handle.read(bytes, done, Math.min(bytes.length - done, 2 ** 30), from + done);
        if (bytesRead === 0) throw new RangeError('the file became shorter');
        done += bytesRead;
      }
      return bytes.buffer;
    },
  };
}

/** @throws UserError where a row group would not fit into memory */
function assertRowGroupSize(
  path: string,
  number: number,
  { columns, num_rows }: FileMetaData['row_groups'][number],
): void {
  const bytes = columns.reduce((sum, { meta_data }) => sum + Number(meta_data?.total_uncompressed_size ?? 0), 0);
  if (!(bytes <= bounds.groupBytes && Number(num_rows) <= bounds.groupRows)) {
    throw new UserError(
      `Row group ${number} of ${path} has ${num_rows} rows in ${bytes} bytes, at most ${bounds.groupBytes} bytes ` +
        'are held. Write the file with smaller row groups.',
    );
  }
}

/** A page says itself how long it will be. */
function bounded(all: Compressors): Compressors {
  return Object.fromEntries(
    Object.entries(all).map(([codec, decompress]) => [
      codec,
      (input: Uint8Array, length: number) => {
        if (!(length >= 0 && length <= bounds.pageBytes)) throw new RangeError(`a page of ${length} bytes`);
        return decompress(input, length);
      },
    ]),
  );
}

/** The bytes of a row's image, none where it has none, and what it is called. */
function imageOf(row: Readonly<Record<string, unknown>>, columns: ParquetColumns): { bytes: Uint8Array; name: string } {
  const value = row[columns.image];
  const own = value instanceof Uint8Array ? { bytes: value } : ((value ?? {}) as { bytes?: unknown; path?: unknown });
  const bytes = own.bytes instanceof Uint8Array ? own.bytes : new Uint8Array(0);
  const name = columns.name === undefined ? ('path' in own ? own.path : undefined) : row[columns.name];
  return { bytes, name: typeof name === 'string' ? name : '' };
}

/** A class name; '' where the row has none, or a number that has no name. */
function labelOf(value: unknown, classNames: readonly string[] | undefined): string {
  const isText =
    typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean';
  if (!isText) return '';
  return classNames ? (classNames[Number(value)] ?? '') : String(value);
}

/** The name that the file gives, where it can stand in a path and is the only one; else the row's number. */
function uniqueName(name: string, row: number, taken: Set<string>): string {
  const levels = name.split('/');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: names are shown
  const isPlain = name.length > 0 && name.length <= 4096 && !/[\\\u0000-\u001f\u007f]/.test(name);
  const isSound = isPlain && levels.every((level) => level !== '' && level !== '.' && level !== '..');
  const unique = isSound && !taken.has(name) ? name : `row-${String(row).padStart(7, '0')}`;
  taken.add(unique);
  return unique;
}

/** Does `work`, whose errors mean that the file is damaged. */
async function damaged<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    throw new UserError(`${path} is no sound Parquet file: ${(cause as Error).message}.`, { cause });
  }
}
