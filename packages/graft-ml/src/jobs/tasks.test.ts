import { join } from 'node:path';
import type { ExtractElsewhere } from '@graft-ml/core/internal/fit/extraction';
import type { MetaConfigInput } from '@graft-ml/core/internal/recipe/meta/index';
import { beforeAll, expect, test } from 'vitest';
import { farmHere, memoryStore } from '../../../../test/farm.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { expectSameRun, smallRun } from '../../../../test/runs.ts';
import { folderCache } from '../cache/folder-cache.ts';
import { resumeMeta, type TrainMetaOptions, trainMeta } from '../meta/train-meta.ts';
import { trainFolder } from '../transfer/train-folder.ts';
import { extractElsewhere } from './extract.ts';
import { metaTasksHandler } from './meta-tasks.ts';
import { localFarm } from './open-farm.ts';
import type { Traffic } from './shards.ts';
import { tasksElsewhere } from './tasks.ts';

ownCache();
const root = temporaryFolder();
const folder = join(root, 'shapes');
const tiny = {
  ...{ model: 'conv4_32', imageSize: 16, way: 2, shots: 1, queries: 2, metaBatch: 5, metaSteps: 4, validateEvery: 2 },
  ...{ episodes: 3, split: { classes: { train: 3, validation: 1, test: 1 } }, rotations: 'all', threads: 1 },
  ...{ innerSteps: 2, augment: 'light' },
} as const satisfies MetaConfigInput;

beforeAll(async () => {
  await drawImages(folder, { classes: ['disc', 'square', 'cross', 'ring', 'bar'], perClass: 6, side: 16 });
});

async function train(
  name: string,
  config: MetaConfigInput,
  options: Pick<TrainMetaOptions, 'tasks'> & { readonly stopAfter?: number } = {},
): Promise<string> {
  const { stopAfter = Number.POSITIVE_INFINITY, tasks } = options;
  const out = join(root, name);
  const controller = new AbortController();
  const { signal } = controller;
  let steps = 0;
  for await (const { kind } of trainMeta(folder, { ...tiny, ...config }, { out, signal, tasks })) {
    if (kind === 'step' && ++steps >= stopAfter) controller.abort();
  }
  return out;
}

// The annealing of maml++ feeds the weights of the steps' losses besides.
test.each(['maml', 'maml++'] as const)(
  'the tasks of %s from three workers make the run of one process',
  async (learner) => {
    const config = { learner, ...(learner === 'maml++' && { innerSteps: 2 }) };
    const store = memoryStore();
    const jobsOf = join(root, `jobs-${learner}`);
    const { farm, jobs, close } = farmHere({ 'meta-tasks': metaTasksHandler }, { folder: jobsOf, store, atOnce: 3 });
    const traffic: Traffic[] = [];
    const tasks = tasksElsewhere(farm, { onTraffic: (each) => traffic.push(each) });
    const alone = await train(`${learner}-alone`, config);
    expectSameRun(alone, await train(`${learner}-farmed`, config, { tasks }));
    // Four steps of 5 tasks and two validations of 3, in three shares each; the results of none of them are left.
    expect(jobs).toHaveLength(18);
    expect([...store.objects.keys()].filter((key) => /^tasks\/(values|results)/.test(key))).toEqual([]);
    expect(traffic.filter(({ received }) => received > 0)).toHaveLength(6);
    await close();
  },
);

test('a run whose tasks were done elsewhere is resumed here, and ends as if it had not stopped', async () => {
  const { farm, close } = farmHere({ 'meta-tasks': metaTasksHandler }, { folder: join(root, 'jobs-of-resumed') });
  const out = await train('resumed', { learner: 'anil' }, { tasks: tasksElsewhere(farm), stopAfter: 3 });
  for await (const _ of resumeMeta(out));
  expectSameRun(await train('whole', { learner: 'anil' }), out);
  await close();
});

test('child processes of this machine do the tasks of one run, and the features of another', async () => {
  await using farm = await localFarm({ jobs: 2 });
  const config = { learner: 'anil', metaSteps: 2 } as const;
  const alone = await train('anil-alone', config);
  expectSameRun(alone, await train('anil-farmed', config, { tasks: tasksElsewhere(farm) }));
  const probe = async (name: string, extract?: ExtractElsewhere) => {
    const strategy = { strategy: 'feature-extraction', model: 'conv4_32', weights: start } as const;
    const options = { out: join(root, name), cache: folderCache(join(root, `cache-of-${name}`)), extract };
    for await (const _ of trainFolder(folder, { ...smallRun, ...strategy }, options));
    return options.out;
  };
  const start = join(root, 'start');
  const first = { ...smallRun, model: 'conv4_32', strategy: 'scratch', epochs: 1 } as const;
  for await (const _ of trainFolder(folder, first, { out: start }));
  expectSameRun(await probe('probe-alone'), await probe('probe-farmed', extractElsewhere(farm, { shard: 16 })));
});

test('a worker with other images says so', async () => {
  const others = await drawImages(join(root, 'others'), {
    classes: ['disc', 'square', 'cross', 'ring', 'bar'],
    perClass: 4,
    side: 16,
  });
  const { farm, close } = farmHere({ 'meta-tasks': metaTasksHandler }, { folder: join(root, 'jobs-of-others') });
  const elsewhere = tasksElsewhere({ ...farm, reference: async () => ({ path: others, sha256: null }) });
  const run = train('mistaken', { learner: 'anil' }, { tasks: elsewhere });
  await expect(run).rejects.toThrow(`${others} does not hold the images that the run began with.`);
  await close();
});
