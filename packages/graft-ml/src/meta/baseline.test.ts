import { join } from 'node:path';
import type { MetaConfigInput } from '@graft-ml/core/internal/recipe/meta/index';
import { expect, test } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { collect } from '../../../../test/training.ts';
import { testMeta } from './test-meta.ts';
import { trainMeta } from './train-meta.ts';

ownCache();
const root = temporaryFolder();

test('a baseline asks for no classes to train on, and a network of random features tells shapes apart', async () => {
  const folder = join(root, 'shapes');
  await drawImages(folder, { classes: ['disc', 'square', 'cross', 'ring', 'bar'], perClass: 8, side: 16 });
  const config = {
    ...{
      model: 'conv4_32',
      imageSize: 16,
      way: 2,
      shots: 4,
      queries: 4,
      episodes: 6,
      split: { classes: { train: 1, validation: 2, test: 2 } },
      threads: 1,
    },
  } as const satisfies MetaConfigInput;
  const train = (learner: 'nearest-centroid' | 'maml') =>
    collect(trainMeta(folder, { ...config, learner }, { out: join(root, learner) }));
  await expect(train('maml')).rejects.toThrow('the train side has 1, and 1 classes in all.');
  await train('nearest-centroid');
  const { accuracy, episodes } = await testMeta(join(root, 'nearest-centroid'), { episodes: 40, threads: 1 });
  expect(episodes).toBe(40);
  expect(accuracy.mean - accuracy.margin).toBeGreaterThan(0.5);
});
