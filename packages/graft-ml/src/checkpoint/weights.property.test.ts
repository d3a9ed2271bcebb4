import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { sizeOf, type Tensors } from '@graft-ml/core/internal/base/tensor';
import { byteLength, codecs } from '@graft-ml/core/internal/weights/codecs';
import { readSafetensors, writeSafetensors } from '@graft-ml/core/internal/weights/safetensors';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { anyName, anyTensors, mutantOf, seeded } from '../../../../test/arbitrary.ts';
import { dict, legacyCheckpoint, program, tensorProgram, zipCheckpoint } from '../../../../test/checkpoint.ts';
import { unpickle } from './pytorch/pickle.ts';
import { findGlobal } from './pytorch/torch-globals.ts';
import { readWeightsFile } from './weights-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'graft-property-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** To the bit: a NaN is what it was. */
function expectSame(found: Tensors, expected: Tensors): void {
  expect(Object.keys(found).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, { dtype, shape, data }] of Object.entries(expected)) {
    const value = found[name]!;
    expect([value.dtype, value.shape]).toEqual([dtype, shape]);
    const bits = (of: ArrayBufferView) => Buffer.from(of.buffer, of.byteOffset, of.byteLength).toString('hex');
    expect(bits(value.data)).toBe(bits(data));
  }
}

/** Reads, or refuses with a sentence. */
async function readsOrRefuses(read: () => unknown): Promise<void> {
  try {
    await read();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
}

const anyMetadata = fc.dictionary(
  anyName().filter((key) => key !== '__proto__'),
  anyName(),
  { maxKeys: 4 },
);

describe('safetensors', () => {
  it('are read back as they were written, whatever the names, and equal tensors are equal bytes', () => {
    fc.assert(
      fc.property(anyTensors, anyMetadata, (tensors, metadata) => {
        const bytes = writeSafetensors(tensors, metadata);
        const read = readSafetensors(bytes);
        expectSame(read.tensors, tensors);
        expect({ ...read.metadata }).toEqual(metadata);
        const reversed = Object.fromEntries(Object.entries(tensors).reverse());
        expect(Buffer.compare(writeSafetensors(reversed, metadata), bytes)).toBe(0);
      }),
      seeded(80),
    );
  });

  it('that are cut anywhere are refused', () => {
    const bytes = writeSafetensors({ x: { dtype: 'f32', shape: [3], data: Float32Array.of(1, 2, 3) } });
    for (let length = 0; length < bytes.length; length++) {
      expect(() => readSafetensors(bytes.subarray(0, length))).toThrow(UserError);
    }
  });

  it('that are damaged are read or refused', () => {
    const bytes = writeSafetensors({
      x: { dtype: 'f32', shape: [2, 3], data: new Float32Array(6) },
      y: { dtype: 'i64', shape: [2], data: BigInt64Array.of(1n, 2n) },
    });
    return fc.assert(
      fc.asyncProperty(mutantOf(bytes), (mutant) => readsOrRefuses(() => readSafetensors(mutant))),
      seeded(1500),
    );
  });
});

it('every codec fills a tensor of its shape, or refuses the bytes', () => {
  const anyShape = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 3 });
  return fc.assert(
    fc.asyncProperty(fc.constantFrom(...codecs.keys()), anyShape, fc.nat(255), (name, shape, byte) =>
      readsOrRefuses(() => {
        const codec = codecs.get(name)!;
        const bytes = new Uint8Array(byteLength(shape, codec.width)).fill(byte);
        expect(codec.decode(shape, bytes).data).toHaveLength(sizeOf(shape));
      }),
    ),
    seeded(300),
  );
});

describe('the pickle machine', () => {
  const rules = { find: findGlobal, load: () => null };
  it('ends on any program with a value or a sentence', () => {
    // Opcodes that push, mark, build, call and remember, and bytes of any kind between them.
    const opcode = fc.constantFrom(
      ...'(]})NtaesuRbQ\x85\x86\x87\x88\x8f\x90\x93\x94q\0h\0K\x07',
      'X\x02\0\0\0ab',
      tensorProgram(),
    );
    const anything = fc.string({
      unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
      maxLength: 3,
    });
    return fc.assert(
      fc.asyncProperty(fc.array(fc.oneof({ weight: 9, arbitrary: opcode }, anything), { maxLength: 40 }), (opcodes) =>
        readsOrRefuses(() => unpickle(program(...opcodes), rules)),
      ),
      seeded(2000),
    );
  });
});

describe('checkpoints of PyTorch', () => {
  const floats = new Uint8Array(Float32Array.of(1.5, 2.5).buffer);
  const pickle = program(dict({ x: tensorProgram(), y: tensorProgram({ shape: [1, 2], strides: [2, 1] }) }));
  it.each([
    ['zip', zipCheckpoint(pickle, { 0: floats })],
    ['legacy', legacyCheckpoint(pickle, { 0: [2, floats] })],
  ])('of the %s format, damaged, are read or refused', (name, bytes) => {
    const path = join(folder, `${name}.pth`);
    return fc.assert(
      fc.asyncProperty(mutantOf(bytes), (mutant) => {
        writeFileSync(path, mutant);
        return readsOrRefuses(() => readWeightsFile(path));
      }),
      seeded(200),
    );
  });
});
