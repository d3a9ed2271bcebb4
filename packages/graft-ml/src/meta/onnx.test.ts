import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MetaConfigInput } from '@graft-ml/core/internal/recipe/meta/index';
import { beforeAll, expect, test } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { collect } from '../../../../test/training.ts';
import { openRun } from '../evaluate/open-run.ts';
import { adaptMeta } from './adapt-meta.ts';
import { readMetaRun } from './read-meta-run.ts';
import { trainMeta } from './train-meta.ts';

ownCache();
const root = temporaryFolder();
const folder = join(root, 'shapes');
const few = join(root, 'few');
/** Named in capitals, and like no residual network: PyTorch's exporter wrote it. */
const model = join(root, 'NET.ONNX');

beforeAll(async () => {
  cpSync(fileURLToPath(new URL('../../../../golden/onnx/residual_13_train.onnx', import.meta.url)), model);
  await drawImages(folder, { classes: ['disc', 'square', 'cross', 'ring', 'bar'], perClass: 8, side: 16 });
  await drawImages(few, { classes: ['cross', 'disc'], perClass: 3, side: 16, first: 50 });
});

test('a meta-learned ONNX file, in capitals: adapted, it opens without the file', async () => {
  const out = join(root, 'meta');
  const config: MetaConfigInput = {
    model,
    learner: 'boil',
    weights: 'none',
    way: 2,
    shots: 2,
    queries: 2,
    metaBatch: 2,
    metaSteps: 2,
    validateEvery: 2,
    episodes: 2,
    split: { classes: { train: 3, validation: 1, test: 1 } },
    rotations: 'all',
    threads: 1,
  };
  await collect(trainMeta(folder, config, { out }));
  // The rate is that of residual networks, which the file says and its name does not.
  expect((await readMetaRun(out)).config.innerRate).toBe(0.3);
  rmSync(model);
  const adapted = join(root, 'adapted');
  await adaptMeta(out, few, { out: adapted });
  const classifier = await openRun(adapted, { threads: 1 });
  expect(classifier.classes).toEqual(['cross', 'disc']);
  const { crop } = classifier.preprocessing;
  const said = await classifier.probabilities(new Uint8Array(3 * crop * crop), 1);
  expect(said[0]! + said[1]!).toBeCloseTo(1, 5);
  await classifier.close();
});
