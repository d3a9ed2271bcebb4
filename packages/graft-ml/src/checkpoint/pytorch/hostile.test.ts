import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { f32 } from '@graft-ml/core/internal/base/tensor';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  dict,
  global,
  legacyCheckpoint,
  program,
  type SyntheticTensor,
  tensorProgram,
  text,
  tuple,
  zipCheckpoint,
} from '../../../../../test/checkpoint.ts';
import { type ZipPart, zip } from '../../../../../test/zip.ts';
import { readWeightsFile } from '../weights-file.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'graft-weights-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function read(bytes: Uint8Array) {
  const path = join(folder, 'x.pth');
  await writeFile(path, bytes);
  return readWeightsFile(path);
}

async function messageOf(bytes: Uint8Array): Promise<string> {
  const error = await read(bytes).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(UserError);
  return (error as UserError).message;
}

const floats = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
const two = { 0: floats(1.5, 2.5) };

/** A zip checkpoint of one tensor, whose storage "0" holds 1.5 and 2.5. */
const single = (fields: SyntheticTensor) => zipCheckpoint(program(dict({ x: tensorProgram(fields) })), two);
/** A zip checkpoint of an opcode program alone. */
const bare = (...opcodes: string[]) => zipCheckpoint(program(...opcodes), {});

describe('synthetic checkpoints', () => {
  it('are read in both formats', async () => {
    const pickle = program(dict({ x: tensorProgram() }));
    expect({ ...(await read(zipCheckpoint(pickle, two))).tensors }).toEqual({ x: f32([2], [1.5, 2.5]) });
    expect({ ...(await read(legacyCheckpoint(pickle, { 0: [2, two[0]] }))).tensors }).toEqual({
      x: f32([2], [1.5, 2.5]),
    });
  });

  it('may have parts of storages in the legacy format', async () => {
    const pickle = program(
      dict({ x: tensorProgram({ elements: 4, part: [2, 2] }), y: tensorProgram({ elements: 4 }) }),
    );
    const { tensors } = await read(legacyCheckpoint(pickle, { 0: [4, floats(1, 2, 3, 4)] }));
    expect({ ...tensors }).toEqual({ x: f32([2], [3, 4]), y: f32([2], [1, 2]) });
  });

  it('may be what Python 2 pickled: texts as bytes, an OrderedDict as a list of lists', async () => {
    const pair = `](U\x01x${tensorProgram()}e`;
    const pickle = program(`${global('collections.OrderedDict')}](${pair}e\x85R`);
    expect({ ...(await read(zipCheckpoint(pickle, two))).tensors }).toEqual({ x: f32([2], [1.5, 2.5]) });
  });

  it('may have any name for a tensor', async () => {
    const { tensors } = await read(zipCheckpoint(program(dict({ ['__proto__']: tensorProgram() })), two));
    expect(Object.entries(tensors)).toEqual([['__proto__', f32([2], [1.5, 2.5])]]);
  });
});

const geometry: [label: string, fields: SyntheticTensor, message: RegExp][] = [
  ['a shape beyond the storage', { shape: [3] }, /"x", float32\[3\] .* bytes 0 to 12 of a storage that has 8/],
  ['an offset beyond the storage', { offset: 1 }, /bytes 4 to 12 of a storage that has 8/],
  ['strides beyond the storage', { strides: [2] }, /bytes 0 to 12/],
  ['a negative dimension', { shape: [-1] }, /a size or an offset is -1/],
  ['a negative stride', { strides: [-1] }, /a size or an offset is -1/],
  ['a negative offset', { offset: -1 }, /a size or an offset is -1/],
  ['a dimension of 2^62', { shape: [2n ** 62n] }, /a size or an offset is a bigint/],
  ['a size beyond 2^53', { shape: [2n ** 40n, 2n ** 40n], strides: [0, 0] }, /more memory than a file of \d+ bytes/],
  ['one element a billion times', { shape: [1_000_000_000], strides: [0] }, /more memory than a file of \d+ bytes/],
  ['fewer strides than dimensions', { shape: [1, 2] }, /2 dimensions and 1 strides/],
  ['65 dimensions', { shape: Array(65).fill(1), strides: Array(65).fill(1) }, /has 65 dimensions/],
  ['a longer storage', { elements: 3 }, /Storage "0" has 8 bytes, its tensors expect 12/],
  ['a storage of 2^53 elements', { elements: 2n ** 53n - 1n }, /Storage "0" has 8 bytes/],
  ['a storage of another type', { storage: 'torch.DoubleStorage' }, /has 8 bytes, its tensors expect 16/],
  ['a storage that is not there', { key: '1' }, /Storage "1" is not in the archive/],
  ['a storage outside of the folder', { key: '../../etc/passwd' }, /is not in the archive/],
  ['a type that is not known', { storage: 'torch.FloatTensor' }, /an object of torch\.FloatTensor/],
];

const pickles: [label: string, opcodes: string, message: RegExp][] = [
  ['nothing at all', '', /finds its stack empty/],
  ['an unknown opcode', '\xff', /opcode 0xff at byte 2/],
  ['an opcode of protocol 0', 'I1\n', /opcode 0x49/],
  ['protocol 6', '\x80\x06', /protocol is 6/],
  ['a mark that is missing', 't', /finds no mark/],
  ['a value below a mark', 'N(0', /stack empty/],
  ['an empty memo', 'h\x07', /memo 7 is empty/],
  ['a text longer than the file', 'X\xff\xff\xff\xff', /ends too early/],
  ['a text of 2^64 bytes', `\x8d${'\xff'.repeat(8)}`, /ends too early/],
  ['a text that is not UTF-8', 'X\x01\0\0\0\xff', /not UTF-8/],
  ['an integer of 2 GB', '\x8b\xff\xff\xff\x7f', /ends too early/],
  ['an integer of 300 bytes', `\x8b\x2c\x01\0\0${'\x01'.repeat(300)}`, /an integer has 300 bytes/],
  ['a name without an end', `c${'a'.repeat(600)}`, /a name does not end/],
  ['a list that contains itself', ']q\0h\0a', /contains itself/],
  ['a dict that contains itself in a tuple', '}q\0X\x01\0\0\0xh\0\x85s', /contains itself/],
  ['a set that contains itself', '\x8fq\0(h\0\x90', /contains itself/],
  ['a call of a number', 'K\x01)R', /it calls a number/],
  ['a call without a tuple', `${global('collections.OrderedDict')}]R`, /with a list in place of a tuple/],
  ['keywords', `${global('collections.OrderedDict')})}X\x01\0\0\0xNs\x92`, /keyword arguments/],
  ['attributes of a list', ']}b', /sets attributes of a list/],
  ['attributes of a tensor', `${tensorProgram()}}b`, /sets attributes of a tensor/],
  ['an item of a list', ']NNs', /sets an item of a list/],
  ['a key without a value', '}(Nu', /a key without a value/],
  ['an append to a dict', '}Na', /appends to a dict/],
  ['another persistent id', `${tuple(text('module'), 'N')}Q`, /refers to module outside/],
  ['a persistent id that is a text', `${text('0')}Q`, /refers to a string outside/],
  ['a name that is a number', 'K\x01K\x02\x93', /not named by texts/],
  ['a rebuilt tensor of a rebuilt tensor', rebuildWithin(), /rebuilt within itself/],
  ['os.system', `${global('os.system')}${tuple(text('true'))}R`, /asks for os\.system, which .* run programs/],
  ['posix.system by texts', `${text('posix')}${text('system')}\x93`, /asks for posix\.system/],
  ['Python 2’s eval', global('__builtin__.eval'), /asks for builtins\.eval/],
  ['getattr', global('builtins.getattr'), /asks for builtins\.getattr/],
  ['a name of Object.prototype', global('x.constructor').replace('x', ''), /an object of|pickled as/],
  ['TorchScript', global('__torch__.Net'), /TorchScript program/],
];

function rebuildWithin(): string {
  const rebuild = global('torch._tensor._rebuild_from_type_v2');
  return `${rebuild}${tuple(rebuild, global('torch.Tensor'), ')', '}')}R`;
}

describe('a hostile pickle', () => {
  it.each(geometry)('with %s is refused', async (_, fields, message) => {
    expect(await messageOf(single(fields))).toMatch(message);
  });

  it.each(pickles)('with %s is refused', async (_, opcodes, message) => {
    expect(await messageOf(bare(opcodes))).toMatch(message);
  });

  it('without an end is refused', async () => {
    expect(await messageOf(zipCheckpoint(program(']').subarray(0, -1), {}))).toMatch(/ends too early/);
    expect(await messageOf(zipCheckpoint(new Uint8Array(0), {}))).toMatch(/ends too early/);
  });

  it('nested a hundred thousand deep is walked without recursion', async () => {
    const deep = `${'('.repeat(100_000)}${'t'.repeat(100_000)}`;
    const lists = `${']'.repeat(100_000)}${'a'.repeat(99_999)}`;
    expect(await messageOf(bare(deep))).toMatch(/holds a tuple/);
    expect(await messageOf(bare(lists))).toMatch(/holds a list/);
  });

  it('whose memo doubles forty times over costs what it is long', async () => {
    const doublings = Array.from(
      { length: 40 },
      (_, i) => `h${String.fromCharCode(i)}h${String.fromCharCode(i)}\x86q${String.fromCharCode(i + 1)}`,
    );
    expect(await messageOf(bare(`]q\0${doublings.join('')}`))).toMatch(/holds a tuple/);
    // The same with dicts under a usual key, through which the state dict is looked for.
    const dicts = Array.from(
      { length: 40 },
      (_, i) =>
        `}(${text('model')}h${String.fromCharCode(i)}${text('net')}h${String.fromCharCode(i)}uq${String.fromCharCode(i + 1)}`,
    );
    expect(await messageOf(bare(`}q\0${dicts.join('')}`))).toMatch(/holds no tensors/);
  });

  it('of millions of values is refused before they take memory', async () => {
    expect(await messageOf(bare('}'.repeat(2_000_000)))).toMatch(/more than 4000000 steps/);
    expect(await messageOf(bare('('.repeat(5_000_000)))).toMatch(/more than 4000000 steps/);
    const ordered = `${global('collections.OrderedDict')}q\0](${'](NNe'.repeat(1000)}eq\x01`;
    expect(await messageOf(bare(ordered, 'h\0h\x01\x85R'.repeat(10_000)))).toMatch(/more than 4000000 steps/);
  });

  it('with one long dict in very many places is looked through once', async () => {
    const numbers = Array.from({ length: 20_000 }, (_, i) => [`k${i}`, 'N']);
    const places = Array.from({ length: 50_000 }, (_, i) => [`p${i}`, 'h\x01']);
    const pickle = `${dict(Object.fromEntries(numbers))}q\x01${dict(Object.fromEntries(places))}`;
    expect(await messageOf(bare(pickle))).toMatch(/holds no tensors: "p0", /);
  });

  it('of many tensors over one storage is refused before they take memory', async () => {
    const tensors = Array.from({ length: 20 }, (_, i) => [
      `t${i}`,
      tensorProgram({ elements: 2 ** 21, shape: [2 ** 21] }),
    ]);
    const file = zipCheckpoint(program(dict(Object.fromEntries(tensors))), { 0: new Uint8Array(2 ** 23) });
    expect(await messageOf(file)).toMatch(/more memory than a file of \d+ bytes can hold: "t12"/);
  });
});

describe('a hostile archive', () => {
  const pickle = { name: 'a/data.pkl', data: program(dict({ x: tensorProgram() })) };
  const storage = { name: 'a/data/0', data: two[0] };
  const other = { name: 'a/data/1', data: floats(7, 8) };
  const archives: [label: string, parts: ZipPart[], message: RegExp][] = [
    ['a name twice', [pickle, storage, storage], /"a\/data\/0" in the archive is there twice/],
    ['an encrypted entry', [pickle, { ...storage, flags: 1 }], /mismatch|is encrypted/],
    ['a compressed entry', [pickle, { ...storage, method: 8 }], /is compressed, which torch\.save never does/],
    ['a wrong checksum', [pickle, { ...storage, crc32: 1 }], /its checksum is wrong/],
    ['an entry longer than the file', [pickle, { ...storage, size: 10 ** 9 }], /reaches beyond byte/],
    ['an entry over the next', [pickle, { ...storage, size: 40 }, other], /reaches beyond byte/],
    ['an entry at another’s place', [pickle, { ...storage, header: 0 }], /reaches beyond byte/],
    ['an entry of another name', [pickle, { ...storage, localName: 'a/data/9' }], /is not where the archive says/],
    ['an entry where there is none', [pickle, { ...storage, header: 3 }], /reaches beyond|is not where/],
    ['no pickle', [storage], /not one that torch\.save wrote/],
    ['two pickles', [pickle, { ...pickle, name: 'b/data.pkl' }], /not one that torch\.save wrote/],
    ['a path upwards', [pickle, { ...storage, name: '../x' }], /invalid relative path/],
    ['arrays of NumPy', [{ name: 'x.npy', data: two[0] }], /NumPy \.npz archive/],
    ['a Keras model', [{ name: 'model.weights.h5', data: two[0] }], /Keras model/],
    ['a program', [pickle, { name: 'a/code/net.py', data: two[0] }], /TorchScript program/],
    ['another byte order', [pickle, { name: 'a/byteorder', data: new Uint8Array(Buffer.from('big')) }], /big-endian/],
  ];
  it.each(archives)('with %s is refused', async (_, parts, message) => {
    expect(await messageOf(zip(parts))).toMatch(message);
  });

  it('without checksums is read, as PyTorch can be told to write it', async () => {
    const { tensors } = await read(zip([pickle, { ...storage, crc32: 0 }]));
    expect({ ...tensors }).toEqual({ x: f32([2], [1.5, 2.5]) });
  });

  it('that says it has more entries, or is followed by something, is refused', async () => {
    expect(await messageOf(zip([pickle, storage], { entries: 3 }))).toMatch(/ZIP directory is damaged/);
    expect(await messageOf(new Uint8Array([...zip([pickle, storage]), 0]))).toMatch(/ZIP directory is damaged/);
  });

  it('whose zip64 records lie is refused', async () => {
    for (const [offset, entries] of [
      [2n ** 63n, 2n],
      [2n ** 52n, 2n],
      [0n, 2n],
      [100n, 2n ** 40n],
    ] as const) {
      expect(await messageOf(withZip64(zip([pickle, storage]), offset, entries))).toMatch(/ZIP directory is damaged/);
    }
  });
});

/** Puts zip64 records before the end of an archive's directory that give it another place and number of entries. */
function withZip64(archive: Uint8Array, directory: bigint, entries: bigint): Uint8Array {
  const end = archive.length - 22;
  const record = Buffer.alloc(56);
  record.write('PK\x06\x06');
  record.writeBigUInt64LE(entries, 24);
  record.writeBigUInt64LE(entries, 32);
  record.writeBigUInt64LE(directory, 48);
  const locator = Buffer.alloc(20);
  locator.write('PK\x06\x07');
  locator.writeBigUInt64LE(BigInt(end), 8);
  return new Uint8Array(Buffer.concat([archive.subarray(0, end), record, locator, archive.subarray(end)]));
}

describe('a hostile file of the legacy format', () => {
  const pickle = program(dict({ x: tensorProgram() }));
  const legacy: [label: string, file: Uint8Array, message: RegExp][] = [
    [
      'another number of elements',
      legacyCheckpoint(pickle, { 0: [3, two[0]] }),
      /has 3 elements, its tensors expect 2/,
    ],
    ['2^63 - 1 elements', legacyCheckpoint(pickle, { 0: [2 ** 53, two[0]] }), /has 9007199254740992 elements/],
    ['a storage that is cut', legacyCheckpoint(pickle, { 0: [2, two[0].subarray(1)] }), /cut short/],
    ['bytes after the last storage', legacyCheckpoint(pickle, { 0: [2, floats(1, 2, 3)] }), /end at byte \d+ of \d+/],
    ['no storage', legacyCheckpoint(pickle, {}), /list of storages is too short/],
    [
      'a storage of no tensor',
      legacyCheckpoint(pickle, { 0: [2, two[0]], 1: [0, floats()] }),
      /does not fit its tensors/,
    ],
    ['another byte order', legacyCheckpoint(pickle, { 0: [2, two[0]] }, { littleEndian: false }), /big-endian/],
    ['an end after the magic number', legacyCheckpoint(pickle, {}).subarray(0, 15), /ends too early/],
  ];
  it.each(legacy)('with %s is refused', async (_, file, message) => {
    expect(await messageOf(file)).toMatch(message);
  });

  it('whose storage has two types is refused', async () => {
    const tensors = { x: tensorProgram(), y: tensorProgram({ storage: 'torch.IntStorage' }) };
    const file = legacyCheckpoint(program(dict(tensors)), { 0: [2, two[0]] });
    expect(await messageOf(file)).toMatch(/int32\[2\] for one tensor and float32\[2\] for another/);
  });
});
