import { randomStream } from '@graft-ml/core/internal/base/random';
import { type DType, sizeOf, type Tensor, type Tensors, tensor } from '@graft-ml/core/internal/base/tensor';
import fc from 'fast-check';
import { damaged } from '../attack/make/damage.ts';

/** Equal on every machine and in every run; short, so that all properties together take seconds. */
export const seeded = (numRuns: number) => ({ seed: 12, numRuns }) as const;

const shape = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 });
const dtypes: readonly DType[] = ['f32', 'f64', 'i32', 'i64', 'u8', 'bool'];

/** A tensor of any type and small shape, of any bits. */
export const anyTensor: fc.Arbitrary<Tensor> = fc
  .record({ dtype: fc.constantFrom(...dtypes), shape, seed: fc.nat() })
  .map(({ dtype, shape: sizes, seed }) => {
    const stream = randomStream(seed, 'tensor');
    const length = sizeOf(sizes);
    const bytes = Uint8Array.from({ length: 8 * length }, () => stream.integer(256));
    if (dtype === 'f32') return tensor('f32', sizes, new Float32Array(bytes.buffer, 0, length));
    if (dtype === 'f64') return tensor('f64', sizes, new Float64Array(bytes.buffer, 0, length));
    if (dtype === 'i32') return tensor('i32', sizes, new Int32Array(bytes.buffer, 0, length));
    if (dtype === 'i64') return tensor('i64', sizes, new BigInt64Array(bytes.buffer, 0, length));
    if (dtype === 'u8') return tensor('u8', sizes, bytes.subarray(0, length));
    return tensor(
      'bool',
      sizes,
      bytes.subarray(0, length).map((byte) => byte & 1),
    );
  });

/** Tensors under any names, `__proto__` among them. */
export const anyTensors: fc.Arbitrary<Tensors> = fc
  .uniqueArray(fc.tuple(anyName(), anyTensor), { maxLength: 6, selector: ([name]) => name })
  .map((entries) => Object.fromEntries(entries));

/** Any text that UTF-8 can hold, strange ones more often. */
export function anyName(): fc.Arbitrary<string> {
  const strange = fc.constantFrom('__proto__', 'constructor', '', '\u0000', '\u001b[2J', '"', '\\', '\u2028', '💾');
  return fc.oneof(strange, fc.string({ unit: 'binary', maxLength: 12 }));
}

/** The bytes and eight or fewer accidents. */
export function mutantOf(bytes: Uint8Array): fc.Arbitrary<Buffer> {
  return fc.nat().map((seed) => damaged(bytes, randomStream(seed, 'mutant')));
}
