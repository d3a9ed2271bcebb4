import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { partNames, type StageProfile } from '@graft-ml/core/internal/fit/profile/profile';
import type { MetaConfigInput } from '@graft-ml/core/internal/recipe/meta/index';
import { beforeAll, describe, expect, test } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { expectSameRun } from '../../../../test/runs.ts';
import { collect } from '../../../../test/training.ts';
import { trainMeta } from '../meta/train-meta.ts';
import { resumeTraining, trainFolder } from '../transfer/train-folder.ts';
import { Profiler, readProfile } from './profile.ts';

ownCache();
const root = temporaryFolder();
const shapes = join(root, 'shapes');

beforeAll(async () => {
  await drawImages(shapes, { classes: ['disc', 'square', 'cross', 'ring', 'bar'], perClass: 8, side: 16 });
});

function expectWhole({ parts, milliseconds, kernels, rows }: StageProfile): void {
  expect(partNames.reduce((sum, name) => sum + parts[name], 0)).toBeCloseTo(milliseconds.mean, 6);
  expect(rows.reduce((sum, row) => sum + row.milliseconds, 0)).toBeCloseTo(kernels, 6);
}

describe('a run of a folder', () => {
  const config = {
    model: 'conv4_32',
    epochs: 2,
    batchSize: 5,
    augment: 'light',
    patience: null,
  } as const;
  const [plain, profiled] = [join(root, 'plain'), join(root, 'profiled')];
  const profiler = new Profiler({ steps: 3 });
  beforeAll(async () => {
    await collect(trainFolder(shapes, config, { out: plain }));
    await collect(trainFolder(shapes, config, { out: profiled, profiler }));
  });

  test('is the same to the bit, and has profile and trace beside it', async () => {
    expectSameRun(plain, profiled);
    expect(await readProfile(profiled)).toEqual(profiler.profile);
    expect(readFileSync(join(profiled, 'trace.json'), 'utf8')).toBe(profiler.trace());
    const [stage] = profiler.profile.stages;
    expectWhole(stage!);
    expect(stage!.rows.map(({ layer }) => layer)).toContain('layer1.conv');
    expect(stage!.memory).toBeGreaterThan(2 ** 20);
    expect(stage!.processor).toBeGreaterThan(0);
    expect(stage!.images!.views).toBeGreaterThan(0);
  });

  test('that is trained for longer has a profile of that, and a new run in its place has none', async () => {
    const later = new Profiler({ steps: 2, warmup: 0 });
    await collect(resumeTraining(profiled, { epochs: 3, profiler: later }));
    expect((await readProfile(profiled)).stages).toMatchObject([{ epoch: 3, step: 1, steps: 2 }]);
    await collect(trainFolder(shapes, { ...config, epochs: 1 }, { out: profiled, overwrite: true }));
    await expect(readProfile(profiled)).rejects.toThrow('profile.json');
    writeFileSync(join(profiled, 'profile.json'), '{"version":9}');
    await expect(readProfile(profiled)).rejects.toThrow('profile.json: The profile is of version 9');
  });
});

describe('a run of meta-learning in two sessions side by side', () => {
  const config = {
    ...{ model: 'conv4_32', imageSize: 16, way: 2, shots: 2, queries: 2, metaBatch: 2, metaSteps: 4, validateEvery: 4 },
    ...{ episodes: 2, split: { classes: { train: 3, validation: 1, test: 1 } }, rotations: 'all', threads: 2 },
    ...{ learner: 'maml', innerSteps: 1 },
  } as const satisfies MetaConfigInput;
  const [plain, profiled] = [join(root, 'maml'), join(root, 'profiled-maml')];
  const profiler = new Profiler({ steps: 2, warmup: 1 });
  beforeAll(async () => {
    await collect(trainMeta(shapes, config, { out: plain }));
    await collect(trainMeta(shapes, config, { out: profiled, profiler }));
  });

  test('is the same to the bit', () => {
    expectSameRun(plain, profiled);
  });

  test('tells its passes apart, the derivative of the inner gradients among them', async () => {
    const [stage] = (await readProfile(profiled)).stages;
    expectWhole(stage!);
    expect(stage!.sessions).toBe(2);
    const passes = new Set(stage!.rows.filter(({ layer }) => layer === 'layer2.conv').map(({ pass }) => pass));
    expect(passes).toEqual(new Set(['forward', 'backward', 'second-order', 'optimizer']));
    const tracks = JSON.parse(profiler.trace()).traceEvents.flatMap(
      ({ name, args }: { name: string; args: { name: string } }) => (name === 'thread_name' ? [args.name] : []),
    );
    expect(tracks).toEqual(['steps', 'calls', 'tasks, session 1', 'tasks, session 2', 'update, session']);
  });

  test('whose tasks are done elsewhere is not profiled', async () => {
    const tasks = () => {
      throw new Error('not reached');
    };
    await expect(collect(trainMeta(shapes, config, { out: join(root, 'x'), profiler, tasks }))).rejects.toThrow(
      'profiler',
    );
  });
});
