import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ImageError } from '@graft-ml/core/internal/image/problem';
import { resize } from '@graft-ml/core/internal/image/resize';
import { evaluationView } from '@graft-ml/core/internal/image/transform';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { svgAsAvif } from '../../../../test/hostile-images.ts';
import { temporaryFolder } from '../../../../test/images.ts';
import { createImagePool } from './image-pool.ts';
import { startImageProcess } from './image-process.ts';

const folder = temporaryFolder();
const place = (name: string) => join(folder, name);
const preprocessing = { resize: 32, crop: 32 };
const request = { kind: 'evaluation', preprocessing } as const;

/** Squares of random colours. */
async function mosaic(width: number, height: number) {
  const pixels = Uint8Array.from({ length: 40 * 40 * 3 }, (_, i) => (i * 7919) >> 3);
  const small = await sharp(pixels, { raw: { width: 40, height: 40, channels: 3 } })
    .png()
    .toBuffer();
  return sharp(small, { limitInputPixels: false }).resize(width, height, { fit: 'fill', kernel: 'nearest' });
}

const huge = place('huge.jpg');
const turned = place('turned.jpg');
const small = place('small.avif');
beforeAll(async () => {
  await (await mosaic(10_000, 10_000)).jpeg().toFile(huge);
  await (await mosaic(9_000, 7_000)).withMetadata({ orientation: 7 }).jpeg().toFile(turned);
  await (await mosaic(60, 40)).avif().toFile(small);
});

/** The most memory that a process has had. */
const peakBytes = (pid: number) =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024;

const apart = startImageProcess();
afterAll(() => {
  if (apart.pid) process.kill(apart.pid, 'SIGKILL');
});

/** The view of the whole image, decoded in one piece by libvips alone. */
async function expectedView(path: string): Promise<Uint8Array> {
  const { data, info } = await sharp(path, { autoOrient: true }).raw().toBuffer({ resolveWithObject: true });
  const pixels = new Uint8Array(3 * 32 * 32);
  const { box } = evaluationView(info, preprocessing);
  resize({ width: info.width, height: info.height, data }, box, { width: 32, height: 32 }, pixels);
  return pixels;
}

it('100 megapixels, and 63 on their side, have the same pixels in bands, within 400 MB', {
  timeout: 120_000,
}, async () => {
  for (const path of [huge, turned]) {
    const { pixels } = (await apart.perform('view', { path, request, size: 32 })) as { pixels: Uint8Array };
    expect(pixels).toEqual(await expectedView(path));
    if (existsSync(`/proc/${apart.pid}/status`)) expect(peakBytes(apart.pid!)).toBeLessThan(400e6);
  }
});

it('a decode that takes too long, or too much, is ended, and the next image is decoded', {
  timeout: 60_000,
}, async () => {
  for (const [limits, message] of [
    [{ seconds: 0.05, bytes: 1e12 }, 'decoding it takes more than 0.05 seconds'],
    [{ seconds: 600, bytes: 1e6 }, 'decoding it takes more than 1 MB'],
  ] as const) {
    const short = startImageProcess(limits);
    const pid = () => short.pid;
    const error = await short.perform('check', { path: huge }).catch((e: unknown) => e);
    expect((error as ImageError).problem).toEqual({ path: huge, kind: 'too-large', message });
    expect(pid()).toBeUndefined();
  }
  const broken = startImageProcess();
  const first = broken.perform('check', { path: huge });
  await pause(100);
  process.kill(broken.pid!, 'SIGKILL');
  await expect(first).rejects.toThrow('broke down');
  expect(await broken.perform('check', { path: small })).toMatchObject({ width: 60, height: 40 });
  // One that ended while nobody asked it is replaced without a word.
  process.kill(broken.pid!, 'SIGKILL');
  expect(await broken.perform('check', { path: small })).toMatchObject({ width: 60, height: 40 });
  process.kill(broken.pid!, 'SIGKILL');
});

it('the pool sends costly images there: a check, an examination, views, and problems', async () => {
  const bad = place('bad.avif');
  writeFileSync(bad, readFileSync(small).subarray(0, 200));
  const svg = place('svg.avif');
  writeFileSync(svg, svgAsAvif());
  const pool = createImagePool({ threads: 1 });
  expect(await pool.check(small)).toMatchObject({ width: 60, height: 40 });
  expect(await pool.examine(small)).toMatchObject({ format: 'avif', likeness: { hash: expect.any(Uint16Array) } });
  const pixels = await pool.view(small, request, 32);
  const { planes, pixels: squares, problems } = await pool.squares([{ path: small }, { path: bad }], request, 32);
  expect([...planes]).toEqual([3, 0]);
  expect(Buffer.compare(squares, pixels)).toBe(0);
  expect(problems).toMatchObject([{ path: bad }]);
  await expect(pool.check(bad)).rejects.toBeInstanceOf(ImageError);
  await expect(pool.check(svg)).rejects.toThrow('not-an-image');
  await pool.close();
});

it.skipIf(!existsSync('/proc/self/status'))(
  'nothing is left of a program that ends while it decodes',
  { timeout: 60_000 },
  async () => {
    const program = `
    const { createImagePool } = await import(${JSON.stringify(new URL('../../dist/data/index.js', import.meta.url).href)});
    createImagePool({ threads: 1 }).check(${JSON.stringify(huge)}).catch(() => {});
    process.on('SIGINT', () => process.exit(130));
    setInterval(() => {}, 1000);`;
    writeFileSync(place('program.mjs'), program);
    const child = spawn(process.execPath, [place('program.mjs')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = new Promise((resolve) => child.on('exit', resolve));
    const decoder = await descendant(child.pid!);
    child.kill('SIGINT');
    expect(await ended).toBe(130);
    while (existsSync(`/proc/${decoder}`)) await pause(20);
  },
);

/** Waits for the process that a program starts. */
async function descendant(pid: number): Promise<number> {
  for (;;) {
    const threads = existsSync(`/proc/${pid}/task`) ? readdirSync(`/proc/${pid}/task`) : [];
    for (const thread of threads) {
      const children = readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').trim();
      if (children !== '') return Number(children.split(' ')[0]);
    }
    await pause(20);
  }
}
