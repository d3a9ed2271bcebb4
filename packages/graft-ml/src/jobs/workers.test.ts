import { cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { f32 } from '@graft-ml/core';
import type { TrainConfigInput } from '@graft-ml/core/internal/recipe/config/index';
import { expect, test } from 'vitest';
import { farmHere, memoryStore } from '../../../../test/farm.ts';
import { drawImages, temporaryFolder } from '../../../../test/images.ts';
import { expectSameRun, metricsOf, smallRun } from '../../../../test/runs.ts';
import { openRun } from '../evaluate/open-run.ts';
import { readRun } from '../runs/read-run.ts';
import { resumeTraining, trainFolder } from '../transfer/train-folder.ts';
import { localStepsHandler } from './local-steps.ts';
import { localWorkers } from './local-workers.ts';
import { readEnd, readStart, type Transfer, writeEnd, writeStart } from './round-files.ts';
import { workersElsewhere } from './workers.ts';

const root = temporaryFolder();
const config = { ...smallRun, strategy: 'scratch', workers: 2, averageEvery: 2 } as const satisfies TrainConfigInput;
const handlers = { 'local-steps': localStepsHandler };

function farm(name: string, store = memoryStore()) {
  return { ...farmHere(handlers, { folder: join(root, `jobs-${name}`), store }), store };
}

test('a run of workers is an ordinary run, and goes on to the bit wherever it stops', async () => {
  const folder = await drawImages(join(root, 'photos'));
  const whole = farm('whole');
  const [out, again] = [join(root, 'whole'), join(root, 'again')];
  for await (const _ of trainFolder(folder, config, { out, openWorkers: workersElsewhere(whole.farm) }));
  // 57 images are 28 for each, 3 steps a pass: 2 rounds of 2 steps come nearest, and 9 steps in all are 2 such epochs.
  expect(whole.jobs.map(({ id }) => id.split('-').slice(-2).join('-'))).toEqual(
    [0, 1, 2, 3].flatMap((round) => [`${round}-0`, `${round}-1`]),
  );
  expect(metricsOf(out).map(({ step }) => step)).toEqual([2, 4]);
  const run = await readRun(out);
  expect(run).toMatchObject({ status: 'done', threads: 1, config: { workers: 2, averageEvery: 2 } });
  await using classifier = await openRun(out);
  expect(classifier.classes).toEqual(run.classes);
  // Nothing is left in the store.
  expect([...whole.store.objects.keys()]).toEqual([]);
  await whole.close();

  // Stopped after three of four rounds, and gone on with by other processes, for which the images lie elsewhere.
  const store = memoryStore();
  const first = farm('first', store);
  let steps = 0;
  const begun = trainFolder(folder, config, { out: again, openWorkers: workersElsewhere(first.farm) });
  for await (const event of begun) {
    if (event.kind === 'step' && ++steps === 3) break;
  }
  await first.close();
  const moved = join(root, 'moved');
  cpSync(folder, moved, { recursive: true });
  const second = farm('second', store);
  for await (const _ of resumeTraining(again, { data: moved, openWorkers: workersElsewhere(second.farm) }));
  expect(second.jobs.map(({ id }) => id.split('-').at(-2))).toEqual(['3', '3']);
  expectSameRun(out, again);
  await second.close();

  // In child processes of this machine, which leave nothing but the run.
  const children = join(root, 'children');
  const openWorkers = localWorkers({ jobs: 2 });
  for await (const _ of trainFolder(folder, config, { out: children, openWorkers }));
  expectSameRun(out, children);
  expect(readdirSync(children).sort()).toEqual(readdirSync(out).sort());
});

test('options that workers cannot take are refused before anything is read', async () => {
  const train = (given: TrainConfigInput, openWorkers = workersElsewhere(farm('none').farm)) =>
    trainFolder('no/such/folder', { ...config, ...given }, { out: join(root, 'refused'), openWorkers }).next();
  await expect(train({ ema: 0.9 })).rejects.toThrow('ema 0.9 does not go with `workers`');
  await expect(trainFolder('no/such/folder', config, { out: join(root, 'refused') }).next()).rejects.toThrow(
    'workers 2: nobody opens them here',
  );
});

test('as f16 a worker’s move comes back to three digits of the largest, and the outer values stay as they are', async () => {
  const transfer: Transfer = { isHalf: true, isParameter: (name) => name !== 'mean' };
  const outer = { w: f32([3], [0.1, -2, 300]), mean: f32([1], [0.1]) };
  const bytes = await writeStart(outer, transfer);
  const start = await readStart(bytes);
  expect(start).toEqual({ w: f32([3], [0.0999755859375, -2, 300]), mean: f32([1], [0.1]) });
  const moves = [1e-6, -3e-7, 2e-6];
  const came = {
    w: f32(
      [3],
      [...start.w!.data].map((each, i) => Number(each) - moves[i]!),
    ),
    mean: f32([1], [0.7]),
  };
  const own = [0, 1].map((i) => Number(start.w!.data[i]) - Number(came.w.data[i]));
  const end = await readEnd(await writeEnd(came, start, transfer, { measured: 'x' }), outer);
  expect(end.metadata.measured).toBe('x');
  expect(end.values.mean).toEqual(came.mean);
  for (const [i, move] of own.entries()) {
    const from = Number(outer.w.data[i]);
    expect(Math.abs(Number(end.values.w!.data[i]) - (from - move))).toBeLessThan(
      2e-6 * 2 ** -11 + Math.abs(from) * 2 ** -24,
    );
  }
  const whole = await writeEnd(came, start, { ...transfer, isHalf: false }, {});
  expect((await readEnd(whole, outer)).values).toEqual(came);
});
