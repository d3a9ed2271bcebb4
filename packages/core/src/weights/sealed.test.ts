import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UserError } from '../base/errors.ts';
import { f32, type Tensors, tensor } from '../base/tensor.ts';
import { readSafetensors, type Safetensors, writeSafetensors } from './safetensors.ts';
import { DamageError, readSealed, writeSealed } from './sealed.ts';

const names = fc
  .string({ minLength: 1, maxLength: 8 })
  .filter((name) => name !== '__metadata__' && name !== '__proto__');
const tensors: fc.Arbitrary<Tensors> = fc.dictionary(
  names,
  fc.oneof(
    fc.float32Array({ maxLength: 20, noNaN: true }).map((data) => f32([data.length], data)),
    fc.uint8Array({ maxLength: 20 }).map((data) => tensor('u8', [data.length], data)),
  ),
  { maxKeys: 6 },
);
const metadata = fc.dictionary(names, fc.string(), { maxKeys: 4 });

test('what is sealed reads back, by anyone who reads safetensors, too', async () => {
  await fc.assert(
    fc.asyncProperty(tensors, metadata, async (values, texts) => {
      const bytes = await writeSealed(values, texts);
      const read = await readSealed(bytes);
      expect({ ...read.metadata }).toEqual(texts);
      const plain = readSafetensors(writeSafetensors(values, texts));
      expect({ ...read.tensors }).toEqual({ ...plain.tensors });
      expect(Object.keys(readSafetensors(bytes).metadata).sort()).toEqual(
        [...Object.keys(texts), 'graft-sha256'].sort(),
      );
    }),
    { seed: 12, numRuns: 200 },
  );
});

test('every bit counts', async () => {
  const values = { weight: f32([3], [1, 2, 3]), count: tensor('u8', [2], Uint8Array.of(7, 8)) };
  const bytes = await writeSealed(values, { format: 'graft', note: 'ü "quoted"' });
  const expected = await readSealed(bytes);
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const damaged = Uint8Array.from(bytes);
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    let read: Safetensors;
    try {
      read = await readSealed(damaged);
    } catch (error) {
      expect(error).toBeInstanceOf(UserError);
      continue;
    }
    // Only the checksum's own name can be lost: then all else is as it was.
    const { metadata: texts, tensors: found } = read;
    expect(Object.keys(texts), `bit ${bit}`).toHaveLength(3);
    expect(found).toEqual(expected.tensors);
    expect(texts).toMatchObject(expected.metadata);
  }
});

test('a checksum that is none is damage', async () => {
  const bytes = writeSafetensors({ a: f32([1], [1]) }, { 'graft-sha256': 'short' });
  await expect(readSealed(bytes)).rejects.toThrow(DamageError);
});
