import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createPicturePool } from './picture-pool.ts';
import { PictureError } from './problem.ts';

const folder = mkdtempSync(join(tmpdir(), 'graft-pool-'));
afterAll(() => rmSync(folder, { recursive: true }));

const good = join(folder, 'good.jpg');
const text = join(folder, 'text.jpg');
beforeAll(async () => {
  await sharp({ create: { width: 300, height: 200, channels: 3, background: '#804020' } }).toFile(good);
  writeFileSync(text, 'no picture');
});

const request = { kind: 'evaluation', preprocessing: { resize: 32, crop: 32 } } as const;

it('checks: size, hash, and problems as typed errors with the path', async () => {
  const pool = createPicturePool({ threads: 2 });
  const sha256 = createHash('sha256').update(readFileSync(good)).digest('hex');
  expect(await pool.check(good)).toEqual({ width: 300, height: 200, sha256 });
  for (const ask of [() => pool.check(text), () => pool.view(text, request, 32)]) {
    const error = await ask().catch((e: unknown) => e);
    expect(error).toBeInstanceOf(PictureError);
    expect((error as PictureError).problem).toMatchObject({ path: text, kind: 'not-a-picture' });
    expect((error as PictureError).message).toContain(`${text}: the content is neither JPEG`);
  }
  await pool.close();
});

it('a view is planar and owns its memory', async () => {
  const pool = createPicturePool({ threads: 1 });
  const pixels = await pool.view(good, request, 32);
  expect(pixels.length).toBe(3 * 32 * 32);
  expect(pixels.buffer.byteLength).toBe(pixels.length);
  const channels = [0, 1, 2].map((c) => pixels[c * 32 * 32 + 500]!);
  expect(Math.max(...channels.map((level, c) => Math.abs(level - [128, 64, 32][c]!)))).toBeLessThanOrEqual(2);
  await pool.close();
});

it('can be closed at any time: at once, under load, twice; and then says so', async () => {
  for (let round = 0; round < 12; round++) {
    const pool = createPicturePool({ threads: 2 });
    const asked = Array.from({ length: 20 }, () => pool.view(good, request, 32));
    const settled = Promise.allSettled(asked);
    if (round % 3 > 0) await asked[round % 3];
    await pool.close();
    await pool.close();
    for (const result of await settled) {
      if (result.status === 'rejected') {
        expect(String(result.reason)).toContain(`The picture pool was closed before it was done with ${good}`);
      }
    }
    await expect(pool.check(good)).rejects.toThrow('closed');
  }
});
