import { inflateSync } from 'node:zlib';
import { UserError } from '@graft-ml/core/internal/base/errors';

/** Types of data elements (MAT-File Format, version 5, table 1-1). */
const types = { matrix: 14, compressed: 15 } as const;

/** The size of a number of each type in bytes, and its reader. */
const numbers: ReadonlyMap<number, readonly [bytes: number, read: (view: DataView, at: number) => number]> = new Map([
  [1, [1, (view, at) => view.getInt8(at)]],
  [2, [1, (view, at) => view.getUint8(at)]],
  [3, [2, (view, at) => view.getInt16(at, true)]],
  [4, [2, (view, at) => view.getUint16(at, true)]],
  [5, [4, (view, at) => view.getInt32(at, true)]],
  [6, [4, (view, at) => view.getUint32(at, true)]],
  [7, [4, (view, at) => view.getFloat32(at, true)]],
  [9, [8, (view, at) => view.getFloat64(at, true)]],
]);

const headerBytes = 128;

/** The most that a file of lists of numbers may unpack to. */
const mostBytes = 16 * 2 ** 20;

interface Element {
  readonly type: number;
  readonly data: Buffer;
}

/**
 * The numeric arrays of a little-endian MATLAB 5 file by name, flattened column by column; other variables are passed
 * over.
 * @throws UserError where it is no such file, or damaged
 */
export function readMatlabArrays(file: Buffer): Map<string, readonly number[]> {
  if (file.length < headerBytes || file.toString('latin1', 126, 128) !== 'IM' || file.length > mostBytes) {
    throw new UserError('This is not a little-endian MATLAB 5 file of a few numbers.');
  }
  try {
    const arrays = new Map<string, readonly number[]>();
    for (const element of elementsOf(file.subarray(headerBytes))) {
      const [inner] = element.type === types.compressed ? elementsOf(inflated(element.data)) : [element];
      const array = inner?.type === types.matrix ? arrayOf(elementsOf(inner.data)) : undefined;
      if (array) arrays.set(array.name, array.values);
    }
    return arrays;
  } catch (cause) {
    throw new UserError(`The MATLAB file is damaged: ${(cause as Error).message}.`, { cause });
  }
}

function inflated(data: Buffer): Buffer {
  return inflateSync(data, { maxOutputLength: mostBytes });
}

/** Elements lie one behind the other on multiples of 8 bytes; one of up to 4 bytes has its data in its tag. */
function elementsOf(data: Buffer): Element[] {
  const elements: Element[] = [];
  for (let at = 0; at + 8 <= data.length; ) {
    const word = data.readUInt32LE(at);
    const small = word >>> 16;
    const [type, length, start] =
      small > 0 ? [word & 0xffff, small, at + 4] : [word, data.readUInt32LE(at + 4), at + 8];
    if (start + length > data.length || small > 4) throw new Error('an element reaches beyond its end');
    elements.push({ type, data: data.subarray(start, start + length) });
    // Compressed elements are not padded.
    at = small > 0 ? at + 8 : start + (type === types.compressed ? length : Math.ceil(length / 8) * 8);
  }
  return elements;
}

/** Flags, dimensions, name and real part of a matrix; undefined where the last is not of numbers. */
function arrayOf([, , name, real]: readonly Element[]): { name: string; values: readonly number[] } | undefined {
  const number = real && numbers.get(real.type);
  if (!name || !real || !number) return undefined;
  const [bytes, read] = number;
  const view = new DataView(real.data.buffer, real.data.byteOffset, real.data.length);
  const values = Array.from({ length: Math.floor(real.data.length / bytes) }, (_, i) => read(view, i * bytes));
  return { name: name.data.toString('latin1'), values };
}
