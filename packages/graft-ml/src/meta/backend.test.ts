import { join } from 'node:path';
import { expect, test } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { expectSameRun } from '../../../../test/runs.ts';
import { collect } from '../../../../test/training.ts';
import { cpuBackend } from '../runtime/create.ts';
import { readMetaRun } from './read-meta-run.ts';
import { testMeta } from './test-meta.ts';
import { trainMeta } from './train-meta.ts';

ownCache();
const root = temporaryFolder();

test.each(['anil', 'nearest-centroid'] as const)(
  '%s on a backend of a program’s own is the same to the bit',
  async (learner) => {
    const shapes = join(root, 'shapes');
    await drawImages(shapes, { classes: ['disc', 'square', 'cross', 'ring', 'bar'], perClass: 6, side: 16 });
    const [plain, own] = [join(root, learner), join(root, `${learner}-own`)];
    const size = { model: 'conv4_32', imageSize: 16, way: 2, shots: 1, queries: 1, metaBatch: 2, metaSteps: 2 };
    const config = {
      ...size,
      learner,
      validateEvery: 1,
      episodes: 3,
      split: { classes: { train: 2, validation: 2, test: 1 } },
      rotations: 'all',
      threads: 2,
    } as const;
    await collect(trainMeta(shapes, config, { out: plain }));
    const { choices } = await readMetaRun(plain);
    let loaded = 0;
    const ort = cpuBackend(1, { graphOptimizationLevel: 'disabled' }); // as the threads that it stands for
    const load = (model: Uint8Array) => {
      loaded++;
      return ort.load(model);
    };
    const backend = { ...ort, load };
    await collect(trainMeta(shapes, config, { out: own, backend, choices }));
    if (learner === 'anil') expectSameRun(own, plain);
    const trained = loaded;
    expect(trained).toBeGreaterThan(0);
    const tests = [];
    for (const [run, options] of [
      [plain, {}],
      [own, { backend }],
    ] as const) {
      const { perStep } = await testMeta(run, { episodes: 4, threads: 1, ...options });
      tests.push(perStep);
    }
    expect(tests[1]).toEqual(tests[0]);
    expect(loaded).toBeGreaterThan(trained);
  },
);
