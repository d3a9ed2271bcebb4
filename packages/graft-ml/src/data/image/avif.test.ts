import { randomStream } from '@graft-ml/core/internal/base/random';
import { readAvifHeader } from '@graft-ml/core/internal/image/file/avif';
import { HeaderError } from '@graft-ml/core/internal/image/file/header';
import sharp from 'sharp';
import { expect, it } from 'vitest';

const avif = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: 'teal' } })
    .avif({ effort: 0 })
    .toBuffer();

it.each([
  [5, 300],
  [64, 48],
  [1201, 7],
])('says that an image of %i x %i pixels has so many', async (width, height) => {
  expect(readAvifHeader(await avif(width, height))).toMatchObject({ format: 'avif', width, height, orientation: 1 });
});

it('a damaged file is refused or measured, and nothing else happens', async () => {
  const file = await avif(32, 24);
  const stream = randomStream(0, 'damage');
  let refused = 0;
  for (let round = 0; round < 2000; round++) {
    const damaged = Uint8Array.from(
      file.subarray(0, stream.integer(4) === 0 ? stream.integer(file.length) : undefined),
    );
    for (let i = 0; i < 3; i++) damaged[stream.integer(Math.max(1, damaged.length))] = stream.integer(256);
    try {
      readAvifHeader(damaged);
    } catch (error) {
      expect(error).toBeInstanceOf(HeaderError);
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(500);
});
