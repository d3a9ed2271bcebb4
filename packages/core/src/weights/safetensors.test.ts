import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { UserError } from '../base/errors.ts';
import { randomStream } from '../base/random.ts';
import { f32, i64, sizeOf, type Tensors, tensor } from '../base/tensor.ts';
import { readSafetensors, writeSafetensors } from './safetensors.ts';

const everyDtype: Tensors = {
  f32: f32([2, 2], [1.5, -0, Number.POSITIVE_INFINITY, 1e-45]),
  f64: tensor('f64', [2], Float64Array.of(Math.PI, 5e-324)),
  i32: tensor('i32', [3], Int32Array.of(-1, 0, 2 ** 31 - 1)),
  i64: tensor('i64', [2], BigInt64Array.of(2n ** 63n - 1n, -(2n ** 63n))),
  u8: tensor('u8', [1, 3], Uint8Array.of(0, 127, 255)),
  bool: tensor('bool', [2], Uint8Array.of(1, 0)),
  scalar: f32([], [7]),
  empty: f32([2, 0, 3], []),
};

/** A file of `header` (an object, or the JSON itself) and `data`, with nothing checked. */
function file(header: object | string, data: ArrayLike<number> = [], length?: bigint): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(json.length), true);
  bytes.set(json, 8);
  bytes.set(data, 8 + json.length);
  return bytes;
}

const entry = (dtype: string, shape: unknown, begin: number, end: number) => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

/** A file with the one tensor `x`. */
const single = (dtype: string, shape: unknown, data: ArrayLike<number>) =>
  file({ x: entry(dtype, shape, 0, data.length) }, data);

describe('round trip', () => {
  it('keeps every dtype, shape and bit', () => {
    const { tensors, metadata } = readSafetensors(writeSafetensors(everyDtype, { format: 'pt', läuft: '"✓"\n' }));
    expect({ ...tensors }).toEqual(everyDtype);
    expect({ ...metadata }).toEqual({ format: 'pt', läuft: '"✓"\n' });
    expect(Object.is(tensors.f32!.data[1], -0)).toBe(true);
  });

  it('gives the same bytes for any order of tensors and metadata', () => {
    const backwards = Object.fromEntries(Object.entries(everyDtype).reverse());
    expect(writeSafetensors(backwards, { b: '2', a: '1' })).toEqual(writeSafetensors(everyDtype, { a: '1', b: '2' }));
  });

  it('pads the header to 8 bytes and reads every tensor back as a view', () => {
    const bytes = writeSafetensors({ ...everyDtype, 'a name of odd length': f32([1], [1]) });
    expect(new DataView(bytes.buffer).getUint32(0, true) % 8).toBe(0);
    for (const { data } of Object.values(readSafetensors(bytes).tensors)) expect(data.buffer).toBe(bytes.buffer);
  });

  it('writes the part of a larger buffer that a tensor covers', () => {
    const view = new Float32Array([9, 1, 2, 9]).subarray(1, 3);
    expect(readSafetensors(writeSafetensors({ x: tensor('f32', [2], view) })).tensors.x).toEqual(f32([2], [1, 2]));
  });

  it('has nothing in a file without tensors', () => {
    expect(readSafetensors(writeSafetensors({}))).toEqual({ tensors: {}, metadata: {} });
  });

  it('treats __proto__ and constructor as names like any other', () => {
    const named = Object.fromEntries([
      ['__proto__', f32([1], [3])],
      ['constructor', i64([1], [4])],
    ]);
    const metadata = Object.fromEntries([['__proto__', 'text']]);
    const read = readSafetensors(writeSafetensors(named, metadata));
    expect(Object.keys(read.tensors).sort()).toEqual(['__proto__', 'constructor']);
    expect(Reflect.get(read.tensors, '__proto__')).toEqual(f32([1], [3]));
    expect(Object.entries(read.metadata)).toEqual([['__proto__', 'text']]);
    expect(readSafetensors(file('{"__metadata__":{}}')).tensors.toString).toBeUndefined();
  });

  it('refuses to write what it could not read', () => {
    expect(() => writeSafetensors({ __metadata__: f32([1], [1]) })).toThrow(UserError);
    expect(() => writeSafetensors({ x: { dtype: 'f32', shape: [3], data: new Float32Array(2) } })).toThrow(RangeError);
  });
});

describe('reading', () => {
  it('copies what is not aligned', () => {
    const bytes = single('F32', [1], new Uint8Array(Float32Array.of(2.5).buffer));
    for (let shift = 0; shift < 4; shift++) {
      const shifted = new Uint8Array(bytes.length + shift);
      shifted.set(bytes, shift);
      expect(readSafetensors(shifted.subarray(shift)).tensors.x).toEqual(f32([1], [2.5]));
      // `slice` of a Buffer does not copy.
      expect(readSafetensors(Buffer.from(shifted.buffer, shift)).tensors.x).toEqual(f32([1], [2.5]));
    }
  });

  it('converts F16, from zero over subnormals to infinity and NaN', () => {
    const bits = Uint16Array.of(
      0,
      0x0001,
      0x03ff,
      0x0400,
      0x3c00,
      0x3555,
      0xc000,
      0x7bff,
      0x7c00,
      0xfc00,
      0x7e00,
      0x8000,
    );
    const expected = [
      0,
      2 ** -24,
      1023 * 2 ** -24,
      2 ** -14,
      1,
      1365 * 2 ** -12,
      -2,
      65504,
      Infinity,
      -Infinity,
      NaN,
      -0,
    ];
    const read = readSafetensors(single('F16', [12], new Uint8Array(bits.buffer)));
    expect(read.tensors.x).toEqual(f32([12], expected));
  });

  it('converts BF16', () => {
    const bits = Uint16Array.of(0x3f80, 0xc049, 0x7f80, 0x0001, 0x8000);
    const read = readSafetensors(single('BF16', [5], new Uint8Array(bits.buffer)));
    expect(read.tensors.x).toEqual(f32([5], [1, -3.140625, Infinity, 2 ** -133, -0]));
  });

  it('reads a file that was written by the PyTorch side', () => {
    const bytes = readFileSync(new URL('../../../../golden/ops.safetensors', import.meta.url));
    const { tensors, metadata } = readSafetensors(bytes);
    const cases = JSON.parse(metadata.cases!) as { name: string; inputs: number }[];
    expect(cases.length).toBeGreaterThan(200);
    for (const { name } of cases) expect(tensors[`${name}/out`]).toBeDefined();
    const [a, b, sum] = ['in0', 'in1', 'out'].map((part) => tensors[`add/same/${part}`]!);
    expect(sum!.shape).toEqual([2, 3]);
    for (let i = 0; i < 6; i++) expect(sum!.data[i]).toBe(Math.fround(Number(a!.data[i]) + Number(b!.data[i])));
    expect(tensors['gather/axis 0 of [5, 3]/in1']).toEqual(i64([4], [4, 0, 4, 2]));
    expect(tensors['greater/same/out']).toMatchObject({ dtype: 'bool', shape: [3, 4] });
  });
});

const four = [0, 0, 0, 0];
const ok = entry('F32', [1], 0, 4);
const hostile: [label: string, bytes: Uint8Array, message: RegExp][] = [
  ['no bytes', new Uint8Array(0), /0 bytes are too few/],
  ['seven bytes', new Uint8Array(7), /7 bytes are too few/],
  ['a header longer than the file', file({ x: ok }, four, 1000n), /said to have 1000 bytes, at most 58 are/],
  ['a header of 2^64 - 1 bytes', file({ x: ok }, four, 2n ** 64n - 1n), /18446744073709551615 bytes/],
  ['an empty header', file(''), /not JSON/],
  ['a header that is no JSON', file('{"x":'), /not JSON/],
  ['a header that is not UTF-8', file({ '': 0 }, [], 1n).fill(0xff, 8), /not JSON/],
  ['JSON nested deeply', file('['.repeat(100_000)), /not JSON/],
  ['a list', file('[]'), /not an object/],
  ['null', file('null'), /not an object/],
  ['a name twice', file(`{"x":${JSON.stringify(ok)},"x":${JSON.stringify(ok)}}`, four), /"x" twice/],
  ['a name twice, escaped', file(`{"x":${JSON.stringify(ok)},"\\u0078":${JSON.stringify(ok)}}`, four), /"x" twice/],
  ['a field twice', file('{"x":{"dtype":"U8","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', four), /"dtype" twice/],
  ['metadata that is no text', file('{"__metadata__":{"a":1}}'), /object of texts/],
  ['metadata under __proto__ that is no text', file('{"__metadata__":{"__proto__":{"a":1}}}'), /object of texts/],
  ['metadata that is a list', file('{"__metadata__":["a"]}'), /object of texts/],
  ['an entry that is no object', file({ x: 1 }), /"x": expected an object, received 1\./],
  ['an entry that is a list', file({ x: ['F32', [1], [0, 4]] }, four), /"x": expected an object, received \["F32"/],
  ['an entry without dtype', file({ x: { shape: [], data_offsets: [0, 4] } }, four), /"x": dtype: expected a text/],
  [
    'an entry with more fields',
    file({ x: { ...ok, stride: 1 } }, four),
    /"x": expected no fields but .*, received \["stride"\]/,
  ],
  [
    'a field named __proto__',
    file(`{"x":{"__proto__":1,${JSON.stringify(ok).slice(1)}}`, four),
    /received \["__proto__"\]/,
  ],
  ['a dtype that is no text', file({ x: { ...ok, dtype: 3 } }, four), /"x": dtype: expected a text, received 3/],
  [
    'a shape that is no list',
    single('F32', { length: 1 }, four),
    /"x": shape: expected a list, received \{"length":1\}/,
  ],
  ['a dimension that is a text', single('F32', ['1'], four), /"x": shape: 0: expected .*, received "1"/],
  ['a dtype that is not known', single('F8_E4M3', [4], four), /dtype "F8_E4M3"\. Expected one of: F64, F32/],
  ['a dtype named like a method', single('constructor', [4], four), /dtype "constructor"/],
  ['a negative dimension', single('F32', [-1], four), /"x": shape: 0: /],
  ['a fractional dimension', single('F32', [0.5], four), /"x": shape: 0: /],
  ['a dimension beyond 2^53', single('F32', [2 ** 60], four), /"x": shape: 0: /],
  ['a size beyond 2^53', single('F32', [2 ** 40, 2 ** 40], four), /needs Infinity bytes and has 4/],
  ['a size that wraps to 4 in 64 bits', single('U8', [2 ** 33, 2 ** 31, 4], four), /needs Infinity bytes/],
  ['offsets behind the end', file({ x: entry('F32', [2], 0, 8) }, four), /bytes 0 to 8 of 4/],
  ['offsets backwards', file({ x: entry('F32', [1], 4, 0) }, four), /bytes 4 to 0/],
  ['negative offsets', file({ x: entry('F32', [1], -4, 0) }, four), /"x": data_offsets: 0: /],
  ['one offset', file({ x: { ...ok, data_offsets: [0] } }, four), /"x": data_offsets: expected two numbers/],
  ['three offsets', file({ x: { ...ok, data_offsets: [0, 4, 4] } }, four), /"x": data_offsets/],
  ['a length that is not the shape’s', single('F32', [2], four), /F32\[2\], needs 8 bytes and has 4/],
  ['a hole', file({ x: entry('U8', [1], 1, 2) }, [0, 0]), /"x" leaves a hole before it: .* byte 1 .*expected 0/],
  ['an overlap', file({ x: entry('U8', [2], 0, 2), y: entry('U8', [2], 1, 3) }, [0, 0, 0]), /"y" overlaps/],
  ['the same data twice', file({ x: ok, y: ok }, four), /"y" overlaps/],
  ['data after the last tensor', file({ x: ok }, [...four, 0]), /have 4 bytes, the file has 5/],
  ['data without tensors', file('{}', four), /have 0 bytes, the file has 4/],
  ['a BOOL of 2', single('BOOL', [2], [0, 2]), /neither 0 nor 1/],
];

describe('a hostile file', () => {
  it.each(hostile)('%s', (_, bytes, message) => {
    expect(() => readSafetensors(bytes)).toThrow(UserError);
    expect(() => readSafetensors(bytes)).toThrow(message);
  });

  it('cut short or with flipped bits gives an error or sound tensors', () => {
    const sound = writeSafetensors(everyDtype, { format: 'pt' });
    let refused = 0;
    for (let round = 0; round < 3000; round++) {
      const random = randomStream(7, 'flip', round);
      const bytes = sound.slice(0, random.uniform() < 0.3 ? random.integer(sound.length) : sound.length);
      const flips = bytes.length > 0 ? random.integer(4) : 0;
      for (let i = 0; i < flips; i++) bytes[random.integer(bytes.length)]! ^= 1 << random.integer(8);
      try {
        for (const { shape, data } of Object.values(readSafetensors(bytes).tensors))
          expect(data.length).toBe(sizeOf(shape));
      } catch (error) {
        expect(error).toBeInstanceOf(UserError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(1000);
  });
});
