import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { runFolder } from '../../../../test/runs.ts';
import { folderCache } from '../cache/folder-cache.ts';
import { openRunWithImages } from './opened-run.ts';
import { embedOpened, embedRun } from './run-embedding.ts';

ownCache();
const root = temporaryFolder();
const shapes = join(root, 'shapes');
const run = join(root, 'run');
const file = join(run, 'embedding.safetensors');

beforeAll(async () => {
  await drawImages(shapes, { perClass: 8 });
  await runFolder(shapes, run, { epochs: 2 });
});

test('maps the images of a run once, and again the same where the file is damaged', async () => {
  const stages: string[] = [];
  const first = await embedRun(run, { onProgress: (stage) => stages.push(stage) });
  expect([first.points.shape, first.images.length, first.total]).toEqual([[24, 2], 24, 24]);
  expect(new Set(stages)).toEqual(new Set(['features', 'map']));
  expect(first.images.map(({ path }) => path)).toContain('disc/000.png');
  expect(first.images.every(({ path, label }) => path.startsWith(`${first.classes[label]}/`))).toBe(true);
  expect(first.images[0]!.neighbours).toHaveLength(10);
  expect(first.overlap.confusion.map((row) => row.reduce((a, b) => a + b, 0).toFixed(9))).toEqual(
    Array(3).fill('1.000000000'),
  );
  const bytes = readFileSync(file);

  const again = await embedRun(run, { onProgress: () => expect.unreachable('it is kept') });
  expect(again).toEqual(first);

  const damaged = Buffer.from(bytes);
  damaged[damaged.length - 9]! ^= 1;
  writeFileSync(file, damaged);
  expect(await embedRun(run)).toEqual(first);
  expect(readFileSync(file).equals(bytes)).toBe(true);
});

test('features are computed once: another map, also of a cache that is opened anew, finds them there', async () => {
  const cache = folderCache(join(root, 'cache'));
  const counts = async (seed: number) => {
    const done: number[] = [];
    const onProgress = (stage: string, count: number) => stage === 'features' && done.push(count);
    await embedRun(run, { seed, cache, onProgress });
    return done;
  };
  expect((await counts(7)).length).toBe(24);
  expect(await counts(8)).toEqual([24]); // all at once
});

test('an image that has become unreadable is left out, and named', async () => {
  const [folder, out] = [join(root, 'fading'), join(root, 'fading-run')];
  await drawImages(folder, { perClass: 8 });
  await runFolder(folder, out, { epochs: 1 });
  await using opened = await openRunWithImages(out, {});
  rmSync(join(folder, 'disc/003.png'));
  const map = await embedOpened({ ...opened, open: async () => opened }, { cache: null });
  expect(map.leftOut).toEqual([{ path: 'disc/003.png', kind: 'unreadable' }]);
  expect([map.images.length, map.points.shape, map.total]).toEqual([23, [23, 2], 24]);
  expect(map.images.map(({ path }) => path)).not.toContain('disc/003.png');
  expect(await embedOpened({ ...opened, open: async () => expect.unreachable('it is kept') }, {})).toEqual(map);
});

test('another seed makes another map; of many images some are drawn', async () => {
  const one = await embedRun(run, { seed: 1 });
  const some = await embedRun(run, { seed: 1, most: 10 });
  expect([some.images.length, some.total]).toEqual([10, 24]);
  const paths = one.images.map(({ path }) => path);
  expect(some.images.every(({ path }) => paths.includes(path))).toBe(true);
  expect((await embedRun(run, { seed: 2 })).points).not.toEqual(one.points);
});
