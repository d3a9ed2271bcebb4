import { crc32, deflateRawSync } from 'node:zlib';
import { Header } from 'tar';

/** A file for an archive, and lies about it for the tests of hostile ones. */
export interface PackedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly deflate?: boolean;
  /** What the ZIP directory says, where it lies. */
  readonly size?: number;
  readonly checksum?: number;
  readonly method?: number;
  readonly flags?: number;
  /** Unix mode, with the file type: 0o120777 is a symbolic link. */
  readonly mode?: number;
  /** Where the directory says the entry is. */
  readonly header?: number;
  /** A tar type; default 'File'. */
  readonly type?: 'File' | 'SymbolicLink' | 'Link' | 'Directory' | 'FIFO';
  readonly linkpath?: string;
}

/** A ZIP archive of these files, in their order. */
export function zipOf(files: readonly PackedFile[]): Buffer {
  const bodies: Buffer[] = [];
  const directory: Buffer[] = [];
  let position = 0;
  for (const file of files) {
    const name = Buffer.from(file.name);
    const data = file.deflate ? deflateRawSync(file.bytes) : Buffer.from(file.bytes);
    const method = file.method ?? (file.deflate ? 8 : 0);
    const size = file.size ?? file.bytes.length;
    const checksum = file.checksum ?? crc32(file.bytes);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(20, 4);
    local.writeUInt16LE(method, 8);
    local.writeUInt16LE(name.length, 26);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    central.writeUInt16LE(0x0314, 4);
    central.writeUInt16LE(20, 6);
    central.writeUInt16LE(file.flags ?? 0, 8);
    central.writeUInt16LE(method, 10);
    central.writeUInt32LE(checksum >>> 0, 16);
    central.writeUInt32LE(data.length, 20);
    central.writeUInt32LE(size, 24);
    central.writeUInt16LE(name.length, 28);
    central.writeUInt32LE(((file.mode ?? 0o100644) << 16) >>> 0, 38);
    central.writeUInt32LE(file.header ?? position, 42);
    bodies.push(local, name, data);
    directory.push(central, name);
    position += local.length + name.length + data.length;
  }
  const entries = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(entries.length, 12);
  end.writeUInt32LE(position, 16);
  return Buffer.concat([...bodies, entries, end]);
}

/** A tar archive of these files, in their order. Names may have 100 bytes. */
export function tarOf(files: readonly PackedFile[]): Buffer {
  const blocks = files.flatMap(({ name, bytes, type = 'File', linkpath = '' }) => {
    const header = new Header({ path: name, size: bytes.length, type, linkpath, mode: 0o644, mtime: new Date(0) });
    const block = Buffer.alloc(512);
    header.encode(block);
    return [block, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}
