import { randomStream } from '@graft-ml/core/internal/base/random';
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { png } from '../../../../attack/make/png.ts';
import { mutantOf, seeded } from '../../../../test/arbitrary.ts';
import { decodePlainPng } from './plain-png.ts';

/** A PNG of random pixels, each row under a filter of its own. */
const anyPng = fc
  .record({
    width: fc.integer({ min: 1, max: 17 }),
    height: fc.integer({ min: 1, max: 9 }),
    form: fc.constantFrom(
      { colourType: 0, bitDepth: 1, samples: 1 },
      { colourType: 0, bitDepth: 2, samples: 1 },
      { colourType: 0, bitDepth: 4, samples: 1 },
      { colourType: 0, bitDepth: 8, samples: 1 },
      { colourType: 2, bitDepth: 8, samples: 3 },
    ),
    seed: fc.nat(),
  })
  .map(({ width, height, form: { samples, ...form }, seed }) => {
    const stream = randomStream(seed, 'png');
    const stride = Math.ceil((width * samples * form.bitDepth) / 8);
    const rows = Array.from({ length: height }, () => [
      stream.integer(5),
      ...Array.from({ length: stride }, () => stream.integer(256)),
    ]);
    return png({ width, height, ...form, scanlines: Buffer.from(rows.flat()) });
  });

describe('the decoder of plain PNGs', () => {
  it('agrees with libvips in every pixel of what it takes', () =>
    fc.assert(
      fc.asyncProperty(anyPng, async (bytes) => {
        const image = decodePlainPng(bytes)!;
        const { data, info } = await sharp(bytes)
          .toColourspace('srgb')
          .raw({ depth: 'uchar' })
          .toBuffer({ resolveWithObject: true });
        expect([image.width, image.height]).toEqual([info.width, info.height]);
        expect(Buffer.compare(image.data, data)).toBe(0);
      }),
      seeded(80),
    ));

  it('leaves what is damaged to others, or finds every pixel', () => {
    const whole = png({ width: 9, height: 5, scanlines: Buffer.alloc(5 * 28, 1) });
    fc.assert(
      fc.property(mutantOf(whole), (mutant) => {
        const image = decodePlainPng(mutant);
        if (image) expect(image.data).toHaveLength(3 * image.width * image.height);
      }),
      seeded(1500),
    );
  });
});
