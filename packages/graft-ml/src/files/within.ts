import { closeSync, constants, openSync, readSync } from 'node:fs';
import { crc32, inflateRawSync } from 'node:zlib';
import { localHeader } from './zip-entries.ts';

/** The place of an image's bytes in a larger file: an archive, or a file unpacked from one. */
export interface Within {
  readonly file: string;
  /** The position of the first byte: the image's, or in a ZIP archive that of its local header. */
  readonly start: number;
  /** Bytes, as they lie there. */
  readonly length: number;
  readonly zip?: ZipMember;
}

/** An archive member as the ZIP directory describes it. */
export interface ZipMember {
  readonly isDeflated: boolean;
  /** Bytes when inflated. */
  readonly size: number;
  readonly crc32: number;
}

/** The bytes of a member, inflated to the size that the directory promised. @throws Error with what is wrong */
export function readWithin({ file, start, length, zip }: Within): Buffer {
  const descriptor = openSync(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    if (!zip) return read(descriptor, start, length);
    const header = read(descriptor, start, localHeader.bytes);
    if (header.readUInt32LE(0) !== localHeader.signature) throw new Error('it is not where the archive says');
    const behind = header.readUInt16LE(localHeader.nameLength) + header.readUInt16LE(localHeader.extraLength);
    return inflated(read(descriptor, start + localHeader.bytes + behind, length), zip);
  } finally {
    closeSync(descriptor);
  }
}

function inflated(bytes: Buffer, { isDeflated, size, crc32: expected }: ZipMember): Buffer {
  const result = isDeflated ? inflateRawSync(bytes, { maxOutputLength: Math.max(1, size) }) : bytes;
  if (result.length !== size) throw new Error(`the archive says ${size} bytes, it has ${result.length}`);
  if (crc32(result) !== expected) throw new Error('its checksum in the archive is another');
  return result;
}

function read(descriptor: number, start: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let done = 0; done < length; ) {
    const bytesRead = readSync(descriptor, bytes, done, length - done, start + done);
    if (bytesRead === 0) throw new Error('the archive ends before it does');
    done += bytesRead;
  }
  return bytes;
}
