import { join } from 'node:path';
import type { TrainConfigInput } from '@graft-ml/core/internal/recipe/config/index';
import { beforeAll, describe, expect, test } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { expectSameLogs, expectSameRun, runFolder, smallRun } from '../../../../test/runs.ts';
import { collect } from '../../../../test/training.ts';
import { trainFolder } from './train-folder.ts';

ownCache();
const root = temporaryFolder();
const shapes = join(root, 'shapes');
const weights = join(root, 'pretrained', 'best.safetensors');
let count = 0;

beforeAll(async () => {
  await drawImages(shapes, { perClass: 8 }); // 18 to train: 4 steps an epoch
  await collect(trainFolder(shapes, { ...smallRun, epochs: 1 }, { out: join(root, 'pretrained') }));
});

/**
 * Where each is stopped, in steps since its start. In all of them a stage ends with the first epoch, after step 4: just
 * before it does is where one easily goes on with the wrong stage, or twice.
 */
const cases: Record<string, { config: TrainConfigInput; stops: readonly number[] }> = {
  'gradual unfreezing': {
    config: {
      strategy: 'gradual',
      unfreeze: [
        { epoch: 0, train: ['head'] },
        { epoch: 1, train: ['layer4'] },
        { epoch: 3, train: ['all'] },
      ],
      epochs: 4,
    },
    stops: [3, 4, 13],
  },
  'gradual unfreezing with averages, momentum, accumulation and a warm-up': {
    config: {
      ...{
        strategy: 'gradual',
        unfreeze: [
          { epoch: 0, train: ['head'] },
          { epoch: 1, train: ['layer4', 'layer3'] },
          { epoch: 2, train: ['all'] },
        ],
        epochs: 3,
        ema: 0.9,
        warmup: 1,
      },
      ...{ optimizer: 'sgd', schedule: 'cosine', accumulate: 2, batchSize: 2 },
    },
    stops: [3, 7],
  },
  'a probe before some blocks, on cached views': {
    config: { strategy: 'partial', freezeTo: 'layer2', probe: 1, epochs: 2, views: 2, layerDecay: 0.5 },
    stops: [4, 6],
  },
  'auto: its probe, what it decides for, and the run from random weights beside it': {
    config: { strategy: 'auto', domain: 'very-different', probe: 1, epochs: 1 },
    stops: [4, 6, 10],
  },
};

describe.each(Object.entries(cases))('%s', (name, { config, stops }) => {
  const log = ['csv', 'tensorboard'] as const;
  const options = { ...smallRun, batchSize: 4, weights, log, ...config };
  const whole = join(root, name.replaceAll(/\W+/g, '-'));

  beforeAll(() => runFolder(shapes, whole, options));

  test.each(stops)('stopped after step %i and resumed, it is what it would have been', async (stopAfter) => {
    const out = join(root, `run${count++}`);
    const events = await runFolder(shapes, out, { ...options, stopAfter });
    expect(events.at(-1)).toMatchObject({ kind: 'interrupted' });
    await runFolder(shapes, out);
    expectSameRun(whole, out);
    expectSameLogs(whole, out);
    if (config.domain === 'very-different') expectSameRun(join(whole, 'scratch'), join(out, 'scratch'));
  });
});
