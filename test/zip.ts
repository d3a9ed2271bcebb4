import { crc32 } from 'node:zlib';

/** An entry, and what is to be written in its place in the headers. */
export interface ZipPart {
  readonly name: string;
  readonly data: Uint8Array;
  readonly flags?: number;
  readonly method?: number;
  readonly crc32?: number;
  /** What the central directory says of the entry's length. */
  readonly size?: number;
  /** What the central directory says of its place. */
  readonly header?: number;
  /** What its own header says of its name. */
  readonly localName?: string;
}

/** A ZIP archive of uncompressed entries, with whatever lies `parts` tell. */
export function zip(parts: readonly ZipPart[], { entries = parts.length }: { entries?: number } = {}): Uint8Array {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let position = 0;
  for (const part of parts) {
    const { name, data, flags = 0, method = 0, crc32: sum = crc32(data), size = data.length } = part;
    const localName = Buffer.from(part.localName ?? name);
    const fields = (length: number, nameLength: number) => {
      const bytes = Buffer.alloc(22);
      bytes.writeUInt16LE(flags, 0);
      bytes.writeUInt16LE(method, 2);
      bytes.writeUInt32LE(sum, 8);
      bytes.writeUInt32LE(length, 12);
      bytes.writeUInt32LE(length, 16);
      bytes.writeUInt16LE(nameLength, 20);
      return bytes;
    };
    const local = Buffer.concat([
      Buffer.from('PK\x03\x04\x14\0'),
      fields(data.length, localName.length),
      Buffer.alloc(2),
      localName,
      data,
    ]);
    const central = Buffer.concat([
      Buffer.from('PK\x01\x02\x14\0\x14\0'),
      fields(size, Buffer.byteLength(name)),
      Buffer.alloc(16),
      Buffer.from(name),
    ]);
    central.writeUInt32LE(part.header ?? position, 42);
    locals.push(local);
    centrals.push(central);
    position += local.length;
  }
  const directory = Buffer.concat(centrals);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06');
  end.writeUInt16LE(entries, 8);
  end.writeUInt16LE(entries, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(position, 16);
  return new Uint8Array(Buffer.concat([...locals, directory, end]));
}
