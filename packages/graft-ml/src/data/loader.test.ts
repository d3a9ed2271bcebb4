import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomStream } from '@graft-ml/core/internal/base/random';
import type { BatchOptions, ImageBatch } from '@graft-ml/core/internal/fit/image-batches';
import { augmentedPixels, augmentedView } from '@graft-ml/core/internal/image/augment/index';
import { ImageError } from '@graft-ml/core/internal/image/problem';
import { resize } from '@graft-ml/core/internal/image/resize';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAugmentation } from '../../../../test/augmentation.ts';
import { decodeImage, readImageFile } from './decode.ts';
import { createImagePool } from './image-pool.ts';
import { batches } from './loader.ts';

const folder = mkdtempSync(join(tmpdir(), 'graft-loader-'));
const pool = createImagePool({ threads: 2 });
afterAll(async () => {
  await pool.close();
  rmSync(folder, { recursive: true });
});

/** Flat images of red level 10 · i, so that a pixel says which image it is. */
async function writeImages(prefix: string, count: number) {
  const paths = Array.from({ length: count }, (_, i) => join(folder, `${prefix}${i}.png`));
  await Promise.all(
    paths.map((path, i) =>
      sharp({ create: { width: 40, height: 30, channels: 3, background: { r: 10 * i, g: 1, b: 2 } } }).toFile(path),
    ),
  );
  return paths.map((path, i) => ({ path, label: i % 3 }));
}

let images: { path: string; label: number }[];
beforeAll(async () => {
  images = await writeImages('p', 10);
});

const size = 8;
const evaluation: Omit<BatchOptions, 'order'> = {
  batchSize: 4,
  size,
  view: { kind: 'evaluation', preprocessing: { resize: 10, crop: size } },
  lastBatch: 'pad',
};

async function collect(options: BatchOptions): Promise<ImageBatch[]> {
  const all: ImageBatch[] = [];
  for await (const batch of batches(pool, images, options)) all.push(batch);
  return all;
}

/** The first red pixel of each image. */
const reds = (batch: ImageBatch) => [0, 1, 2, 3].map((i) => batch.pixels[i * 3 * size * size]);

describe('batches', () => {
  it('keeps the order and fills up the last batch at weight 0', async () => {
    const [first, second, ...rest] = await collect({ ...evaluation, order: [9, 3, 0, 5, 7, 1] });
    expect(rest).toEqual([]);
    expect(first!.pixels.length).toBe(4 * 3 * size * size);
    expect(reds(first!)).toEqual([90, 30, 0, 50]);
    expect([...first!.labels]).toEqual([0, 0, 0, 2]);
    expect([...first!.weights]).toEqual([1, 1, 1, 1]);
    expect([...first!.indices]).toEqual([9, 3, 0, 5]);
    expect(reds(second!)).toEqual([70, 10, 70, 70]);
    expect([...second!.labels]).toEqual([1, 1, 1, 1]);
    expect([...second!.weights]).toEqual([1, 1, 0, 0]);
    expect([...second!.indices]).toEqual([7, 1, 7, 7]);
    expect(second!.pixels.slice(size * size, size * size + 2)).toEqual(Uint8Array.of(1, 1)); // planar: green follows
  });

  it.each([
    ['drop', 10, 2],
    ['pad', 10, 3],
    ['drop', 8, 2],
    ['pad', 8, 2],
    ['drop', 3, 0],
    ['pad', 3, 1],
    ['pad', 0, 0],
  ] as const)('%s: %i images make %i batches of 4', async (lastBatch, count, expected) => {
    const order = images.slice(0, count).map((_, i) => i);
    for (const prefetch of [0, 1, 5]) {
      expect(await collect({ ...evaluation, lastBatch, order, prefetch })).toHaveLength(expected);
    }
  });

  it('a training view depends on (seed, epoch, index) only, and is what the augmentation draws', async () => {
    const path = join(folder, 'noise.png');
    const noise = Uint8Array.from({ length: 60 * 50 * 3 }, (_, i) => (i * 7919) >> 3);
    const augmentation = parseAugmentation('light,rotate,jitter=0.4:0.4:0.4:0.1,blur,randaugment,erase=0.5');
    const { preprocessing } = evaluation.view;
    const fill = [124, 116, 104] as const;
    await sharp(noise, { raw: { width: 60, height: 50, channels: 3 } }).toFile(path);
    const noisy = Array.from({ length: 5 }, () => ({ path, label: 0 }));
    const crops = async (order: number[], epoch: number, threads: number) => {
      const own = createImagePool({ threads });
      const view = { kind: 'training', preprocessing, augmentation, fill, seed: 7, epoch } as const;
      const seen = new Map<number, string>();
      for await (const batch of batches(own, noisy, { ...evaluation, batchSize: 1, view, order })) {
        seen.set(batch.indices[0]!, Buffer.from(batch.pixels).toString('hex'));
      }
      await own.close();
      return [...seen].sort(([a], [b]) => a - b).map(([, pixels]) => pixels);
    };
    const once = await crops([0, 1, 2, 3, 4], 1, 1);
    expect(await crops([4, 2, 0, 3, 1], 1, 3)).toEqual(once);
    expect(new Set([...once, ...(await crops([0, 1, 2, 3, 4], 2, 1))]).size).toBe(10);

    const image = await decodeImage(await readImageFile({ path }), path);
    const stream = randomStream(7, 'augment', 1, 3);
    const { box, mirror } = augmentedView(stream, image, preprocessing, augmentation);
    const data = new Uint8Array(3 * size * size);
    resize(image, box, { width: size, height: size, mirror }, data);
    const expected = augmentedPixels(stream, { width: size, height: size, data }, augmentation, fill);
    expect(once[3]).toBe(Buffer.from(expected.data).toString('hex'));
  });

  it('works on while the consumer blocks the event loop', async () => {
    const fleeting = await writeImages('fleeting', 16);
    const order = fleeting.map((_, i) => i);
    const stream = batches(pool, fleeting, { ...evaluation, order, prefetch: 2 });
    expect((await stream.next()).done).toBe(false);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
    for (const { path } of fleeting) rmSync(path); // what was read by now was read without the event loop
    expect(reds((await stream.next()).value!)).toEqual([40, 50, 60, 70]);
    expect(reds((await stream.next()).value!)).toEqual([80, 90, 100, 110]);
    const error = await stream.next().catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ImageError);
    expect(fleeting.slice(12).map(({ path }) => path)).toContain((error as ImageError).problem.path);
  });

  it('stops early without a trace, and the pool goes on', async () => {
    for await (const batch of batches(pool, images, { ...evaluation, order: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] })) {
      expect(batch.weights[0]).toBe(1);
      break;
    }
    expect(await collect({ ...evaluation, order: [1, 2] })).toHaveLength(1);
  });

  it('survives that its pool is closed under it', async () => {
    const own = createImagePool({ threads: 1 });
    const stream = batches(own, images, { ...evaluation, batchSize: 1, order: [0, 1, 2, 3, 4], prefetch: 4 });
    await stream.next();
    await own.close();
    const rest = await Promise.allSettled([stream.next(), stream.next(), stream.next(), stream.next()]);
    const failed = rest.filter((result) => result.status === 'rejected').map((result) => String(result.reason));
    for (const message of failed) expect(message).toContain('The image pool was closed before it was done with');
  });

  it.each([
    [{ order: [0, 10] }, 'batches: order holds 10, there are 10 images'],
    [{ order: [0, 1.5] }, 'batches: order holds 1.5, there are 10 images'],
    [{ order: [0], batchSize: 0 }, 'batches: batchSize is 0, not 1 or more'],
    [{ order: [0], size: 9 }, 'batches: size is 9, the preprocessing crops to 8'],
  ])('refuses %j', async (wrong, message) => {
    await expect(collect({ ...evaluation, ...wrong })).rejects.toThrow(message);
  });
});
