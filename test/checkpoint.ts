import { zip } from './zip.ts';

/** A pickle program of opcodes, a character each byte: `program('\x80\x02', dict, ..., '.')`. */
export function program(...opcodes: readonly string[]): Uint8Array {
  return new Uint8Array(Buffer.from(`\x80\x02${opcodes.join('')}.`, 'latin1'));
}

/** BINUNICODE. */
export function text(value: string): string {
  return `X${u32(Buffer.byteLength(value))}${Buffer.from(value).toString('latin1')}`;
}

/** BININT, or LONG1 of eight bytes. */
export function int(value: number | bigint): string {
  if (typeof value === 'number' && Number.isInteger(value) && Math.abs(value) < 2 ** 31) return `J${u32(value)}`;
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(value));
  return `\x8a\x08${bytes.toString('latin1')}`;
}

export function global(name: string): string {
  const dot = name.lastIndexOf('.');
  return `c${name.slice(0, dot)}\n${name.slice(dot + 1)}\n`;
}

export function tuple(...items: readonly string[]): string {
  return `(${items.join('')}t`;
}

export interface SyntheticTensor {
  readonly key?: string;
  readonly storage?: string;
  readonly elements?: number | bigint;
  readonly offset?: number | bigint;
  readonly shape?: readonly (number | bigint)[];
  readonly strides?: readonly (number | bigint)[];
  /** A part of the storage, as the legacy format has it. */
  readonly part?: readonly [first: number, length: number];
}

/** What rebuilds a tensor of floats. By default of shape [2] in storage "0". */
export function tensorProgram(fields: SyntheticTensor = {}): string {
  const {
    key = '0',
    storage = 'torch.FloatStorage',
    elements = 2,
    offset = 0,
    shape = [2],
    strides = [1],
    part,
  } = fields;
  const view = part ? [tuple(text('view'), int(part[0]), int(part[1]))] : [];
  const id = tuple(text('storage'), global(storage), text(key), text('cpu'), int(elements), ...view);
  const sizes = [shape, strides].map((values) => tuple(...values.map(int)));
  return `${global('torch._utils._rebuild_tensor_v2')}${tuple(`${id}Q`, int(offset), ...sizes, '\x89', 'N')}R`;
}

/** A dict of texts to programs. */
export function dict(entries: Readonly<Record<string, string>>): string {
  return `}(${Object.entries(entries)
    .map(([key, value]) => text(key) + value)
    .join('')}u`;
}

/** A file in PyTorch's zip format. */
export function zipCheckpoint(pickle: Uint8Array, storages: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const entries = Object.entries(storages).map(([key, data]) => ({ name: `archive/data/${key}`, data }));
  return zip([
    { name: 'archive/data.pkl', data: pickle },
    { name: 'archive/byteorder', data: new Uint8Array(Buffer.from('little')) },
    ...entries,
  ]);
}

/** A file in PyTorch's legacy format; each storage is its number of elements and its bytes. */
export function legacyCheckpoint(
  pickle: Uint8Array,
  storages: Readonly<Record<string, readonly [elements: number, data: Uint8Array]>>,
  { littleEndian = true }: { littleEndian?: boolean } = {},
): Uint8Array {
  const keys = `](${Object.keys(storages).map(text).join('')}e`;
  const parts = Object.values(storages).flatMap(([elements, data]) => {
    const count = Buffer.alloc(8);
    count.writeBigInt64LE(BigInt(elements));
    return [count, data];
  });
  return new Uint8Array(
    Buffer.concat([
      program('\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19'),
      program('M\xe9\x03'),
      program(dict({ little_endian: littleEndian ? '\x88' : '\x89' })),
      pickle,
      program(keys),
      ...parts,
    ]),
  );
}

function u32(value: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value | 0);
  return bytes.toString('latin1');
}
