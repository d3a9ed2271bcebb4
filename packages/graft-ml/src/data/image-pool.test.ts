import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomStream } from '@graft-ml/core/internal/base/random';
import { augmentedView } from '@graft-ml/core/internal/image/augment/index';
import { ImageError } from '@graft-ml/core/internal/image/problem';
import { type Interpolation, resize } from '@graft-ml/core/internal/image/resize';
import { evaluationView, type View } from '@graft-ml/core/internal/image/transform';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { parseAugmentation } from '../../../../test/augmentation.ts';
import { createImagePool } from './image-pool.ts';

const folder = mkdtempSync(join(tmpdir(), 'graft-pool-'));
afterAll(() => rmSync(folder, { recursive: true }));

const good = join(folder, 'good.jpg');
const text = join(folder, 'text.jpg');
beforeAll(async () => {
  await sharp({ create: { width: 300, height: 200, channels: 3, background: '#804020' } }).toFile(good);
  writeFileSync(text, 'no image');
});

const request = { kind: 'evaluation', preprocessing: { resize: 32, crop: 32 } } as const;

it('checks: size, hash, and problems as typed errors with the path', async () => {
  const pool = createImagePool({ threads: 2 });
  const sha256 = createHash('sha256').update(readFileSync(good)).digest('hex');
  expect(await pool.check(good)).toEqual({ width: 300, height: 200, sha256 });
  for (const ask of [() => pool.check(text), () => pool.view(text, request, 32)]) {
    const error = await ask().catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ImageError);
    expect((error as ImageError).problem).toMatchObject({ path: text, kind: 'not-an-image' });
    expect((error as ImageError).message).toContain(`${text}: the content is neither JPEG`);
  }
  await pool.close();
});

it('a view is planar and owns its memory', async () => {
  const pool = createImagePool({ threads: 1 });
  const pixels = await pool.view(good, request, 32);
  expect(pixels.length).toBe(3 * 32 * 32);
  expect(pixels.buffer.byteLength).toBe(pixels.length);
  const channels = [0, 1, 2].map((c) => pixels[c * 32 * 32 + 500]!);
  expect(Math.max(...channels.map((level, c) => Math.abs(level - [128, 64, 32][c]!)))).toBeLessThanOrEqual(2);
  await pool.close();
});

it('gives many views at once: one plane of a grey image, three of another, none of what is none', async () => {
  const grey = join(folder, 'grey.png');
  await sharp({ create: { width: 40, height: 50, channels: 3, background: '#505050' } }).toFile(grey);
  const pool = createImagePool({ threads: 1 });
  const files = [grey, text, good, grey].map((path) => ({ path }));
  const { planes, pixels, problems } = await pool.squares(files, request, 32);
  expect([...planes]).toEqual([1, 0, 3, 1]);
  const expected = await Promise.all([grey, good].map((path) => pool.view(path, request, 32)));
  const plane = expected[0]!.subarray(0, 32 * 32);
  expect(Buffer.concat([plane, expected[1]!, plane]).equals(pixels)).toBe(true);
  expect(problems).toMatchObject([{ path: text, kind: 'not-an-image' }]);
  expect(await pool.squares([], request, 32)).toMatchObject({ problems: [] });
  await pool.close();
});

it('resizes with the filter that the request names, in evaluation and in training', async () => {
  const noise = { width: 90, height: 70, data: new Uint8Array(90 * 70 * 3).map((_, i) => (i * 7919) % 251) };
  const path = join(folder, 'noise.png');
  await sharp(noise.data, { raw: { width: 90, height: 70, channels: 3 } }).toFile(path);
  const expected = (interpolation: Interpolation, { box, mirror }: View) => {
    const pixels = new Uint8Array(3 * 32 * 32);
    resize(noise, box, { width: 32, height: 32, mirror, interpolation }, pixels);
    return pixels;
  };
  const pool = createImagePool({ threads: 1 });
  for (const interpolation of ['bilinear', 'bicubic'] as const) {
    const framing = { resize: 36, crop: 32, interpolation };
    const seen = await pool.view(path, { kind: 'evaluation', preprocessing: framing }, 32);
    expect(seen).toEqual(expected(interpolation, evaluationView(noise, framing)));
    const augmentation = parseAugmentation('light');
    const address = { fill: [0, 0, 0], seed: 1, epoch: 2, index: 3 } as const;
    const drawn = await pool.view(path, { kind: 'training', preprocessing: framing, augmentation, ...address }, 32);
    const view = augmentedView(randomStream(1, 'augment', 2, 3), noise, framing, augmentation);
    expect(drawn).toEqual(expected(interpolation, view));
  }
  await pool.close();
});

it('can be closed at any time: at once, under load, twice; and then says so', async () => {
  for (let round = 0; round < 12; round++) {
    const pool = createImagePool({ threads: 2 });
    const asked = Array.from({ length: 20 }, () => pool.view(good, request, 32));
    const settled = Promise.allSettled(asked);
    if (round % 3 > 0) await asked[round % 3];
    await pool.close();
    await pool.close();
    for (const result of await settled) {
      if (result.status === 'rejected') {
        expect(String(result.reason)).toContain(`The image pool was closed before it was done with ${good}`);
      }
    }
    await expect(pool.check(good)).rejects.toThrow('closed');
  }
});

it('blocks loaders once in a process: while all are blocked for a moment, other threads would fail', async () => {
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="4" height="3"/>');
  const first = createImagePool({ threads: 1 });
  await first.check(good);
  await expect(sharp(svg).metadata()).rejects.toThrow();
  sharp.unblock({ operation: ['VipsForeignLoadSvg'] }); // what an application may do, and what a second time would undo
  const second = createImagePool({ threads: 2 });
  await Promise.all([good, good, good, good].map((path) => second.check(path)));
  expect(await sharp(svg).metadata()).toMatchObject({ format: 'svg', width: 4, height: 3 });
  await Promise.all([first.close(), second.close()]);
});

it('is closed before it was used', async () => {
  const pool = createImagePool();
  await pool.close();
  await expect(pool.check(good)).rejects.toThrow('was closed');
});
