import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UserError } from '../base/errors.ts';
import { decode } from './decode.ts';
import { encode, input } from './index.ts';
import { readOnnxMetadata } from './onnx-metadata.ts';

const texts = fc.dictionary(fc.string(), fc.string(), { maxKeys: 5 });

test('what is written beside a graph is read back, as by the reader of whole models', () => {
  fc.assert(
    fc.property(texts, (metadata) => {
      const { model } = encode({ y: input('x', 'f32', [2]) }, { metadata });
      expect({ ...readOnnxMetadata(model) }).toEqual({ ...decode(model).metadata });
    }),
    { seed: 5, numRuns: 100 },
  );
});

test('damaged bytes are read or refused, and nothing else happens', () => {
  const { model } = encode({ y: input('x', 'f32', [2]) }, { metadata: { classes: '["a"]' } });
  fc.assert(
    fc.property(fc.nat(model.length - 1), fc.nat(255), fc.nat(model.length), (at, byte, length) => {
      const damaged = Uint8Array.from(model);
      damaged[at] = byte;
      try {
        readOnnxMetadata(damaged.subarray(0, length));
      } catch (error) {
        expect(error).toBeInstanceOf(UserError);
      }
    }),
    { seed: 6, numRuns: 1000 },
  );
});
