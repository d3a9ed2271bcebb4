import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { drawImages, temporaryFolder } from '../../../../test/images.ts';
import { expectSameRun, runFolder, smallRun } from '../../../../test/runs.ts';
import { collect } from '../../../../test/training.ts';
import { evaluateFolder } from '../evaluate/evaluate-folder.ts';
import { testMeta } from '../meta/test-meta.ts';
import { trainMeta } from '../meta/train-meta.ts';
import { readRun } from '../runs/read-run.ts';
import { trainFolder } from '../transfer/train-folder.ts';
import { folderCache } from './folder-cache.ts';

const root = temporaryFolder();

test('two trainings with two caches, and one with none, end alike; nothing but the user’s key goes anywhere else', async () => {
  vi.stubEnv('GRAFT_CACHE', join(root, 'ambient'));
  const shapes = await drawImages(join(root, 'shapes'));
  await runFolder(shapes, join(root, 'pretrained'), { imageSize: 30, epochs: 1 });
  const weights = join(root, 'pretrained', 'best.safetensors');
  const config = { ...smallRun, weights, strategy: 'partial', freezeTo: 'layer2', threads: 1 } as const;
  vi.stubEnv('GRAFT_CACHE', join(root, 'untouched'));
  const caches = { a: folderCache(join(root, 'cache-a')), b: folderCache(join(root, 'cache-b')), none: null };
  let choices: Record<string, string> | undefined;
  for (const [name, cache] of Object.entries(caches)) {
    const out = join(root, name);
    const events = await collect(trainFolder(shapes, config, { out, cache, ...(choices && { choices }) }));
    expect(events.at(-1)?.kind).toBe('end');
    choices ??= (await readRun(out)).choices;
    if (cache) expect(readdirSync(cache.folder).sort()).toEqual(expect.arrayContaining(['features', 'images']));
    expectSameRun(out, join(root, 'a'));
    await evaluateFolder(out, shapes, { cache });
  }
  const classes = await drawImages(join(root, 'classes'), {
    classes: ['disc', 'square', 'cross', 'ring', 'bar'],
    perClass: 4,
    side: 16,
  });
  const meta = {
    way: 2,
    shots: 1,
    queries: 1,
    metaBatch: 1,
    metaSteps: 1,
    imageSize: 16,
    episodes: 2,
    split: { classes: { train: 2, validation: 2, test: 1 } },
  };
  await collect(
    trainMeta(
      classes,
      { ...meta, model: 'conv4', rotations: 'all', threads: 1 },
      { out: join(root, 'meta'), cache: caches.b },
    ),
  );
  await testMeta(join(root, 'meta'), { episodes: 2, threads: 1, cache: caches.b });
  expect(readdirSync(caches.b.folder)).toContain('episodes');
  const outside = existsSync(join(root, 'untouched')) ? readdirSync(join(root, 'untouched')) : [];
  expect(outside.filter((name) => !name.endsWith('.key'))).toEqual([]);
});
