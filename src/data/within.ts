import { type FileHandle, open } from 'node:fs/promises';
import { crc32, inflateRawSync } from 'node:zlib';

/** Where the bytes of a picture lie in a larger file: an archive, or what was unpacked from one. */
export interface Within {
  readonly file: string;
  /** The position of the first byte: the picture's, or in a ZIP archive that of its local header. */
  readonly start: number;
  /** Bytes, as they lie there. */
  readonly length: number;
  readonly zip?: ZipMember;
}

/** What a ZIP archive's directory says of a member. */
export interface ZipMember {
  readonly isDeflated: boolean;
  /** Bytes when inflated. */
  readonly size: number;
  readonly crc32: number;
}

const localHeader = { signature: 0x04034b50, bytes: 30, nameLength: 26, extraLength: 28 } as const;

/** The bytes of a member, inflated to the size that the directory promised. @throws Error with what is wrong */
export async function readWithin({ file, start, length, zip }: Within): Promise<Buffer> {
  const handle = await open(file, 'r');
  try {
    if (!zip) return await read(handle, start, length);
    const header = await read(handle, start, localHeader.bytes);
    if (header.readUInt32LE(0) !== localHeader.signature) throw new Error('it is not where the archive says');
    const behind = header.readUInt16LE(localHeader.nameLength) + header.readUInt16LE(localHeader.extraLength);
    return inflated(await read(handle, start + localHeader.bytes + behind, length), zip);
  } finally {
    await handle.close();
  }
}

function inflated(bytes: Buffer, { isDeflated, size, crc32: expected }: ZipMember): Buffer {
  const result = isDeflated ? inflateRawSync(bytes, { maxOutputLength: size }) : bytes;
  if (result.length !== size) throw new Error(`the archive says ${size} bytes, it has ${result.length}`);
  if (crc32(result) !== expected) throw new Error('its checksum in the archive is another');
  return result;
}

async function read(handle: FileHandle, start: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(bytes, done, length - done, start + done);
    if (bytesRead === 0) throw new Error('the archive ends before it does');
    done += bytesRead;
  }
  return bytes;
}
