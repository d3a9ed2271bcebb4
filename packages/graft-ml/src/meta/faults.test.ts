import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readLast } from '@graft-ml/core/internal/runs/checkpoints';
import { trainingRuns } from '@graft-ml/core/internal/runs/run-file';
import { beforeAll, expect, test } from 'vitest';
import { type Fault, faults, faultyStore } from '../../../../test/faulty-store.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { expectSameRun } from '../../../../test/runs.ts';
import { collect } from '../../../../test/training.ts';
import { readRun } from '../runs/read-run.ts';
import { openRunStore } from '../runs/run-store.ts';
import { adaptMeta } from './adapt-meta.ts';
import { readMetaRun } from './read-meta-run.ts';
import { resumeMeta, trainMeta } from './train-meta.ts';

ownCache();
const root = temporaryFolder();
const shapes = join(root, 'shapes');
const whole = join(root, 'whole');
const config = {
  ...({ way: 2, shots: 1, queries: 1, metaSteps: 2, validateEvery: 1, episodes: 4, threads: 1 } as const),
  ...{ imageSize: 28, split: { classes: { train: 2, validation: 2, test: 1 } } },
};
let count = 0;

beforeAll(async () => {
  await drawImages(shapes, { perClass: 4, classes: ['bar', 'cross', 'disc', 'ring', 'square'] });
  await collect(trainMeta(shapes, config, { out: whole }));
});

test('a run of meta-learning one of whose writes fails can be opened, and ends bit for bit as if it had not', async () => {
  for (let [at, isComplete] = [1, false]; !isComplete; at += 2) {
    const out = join(root, `run${count++}`);
    const { openStore, counted } = faultyStore(at, faults[at % faults.length] as Fault);
    isComplete = await collect(trainMeta(shapes, config, { out, openStore })).then(
      () => counted.writes < at,
      () => false,
    );
    if (existsSync(join(out, 'run.json'))) await readMetaRun(out);
    const isBegun = existsSync(join(out, 'last.safetensors'));
    if (isBegun) await readLast(out, trainingRuns, openRunStore);
    const isDone = isBegun && (await readMetaRun(out)).status === 'done';
    if (!isBegun) await collect(trainMeta(shapes, config, { out, overwrite: true }));
    else if (!isDone) await collect(resumeMeta(out));
    expectSameRun(whole, out);
    expect((await readMetaRun(out)).status).toBe('done');
  }
}, 120_000);

test('adapting one of whose writes fails leaves a whole run or none, which the same call then makes', async () => {
  const sound = join(root, 'adapted');
  await adaptMeta(whole, shapes, { out: sound });
  const best = (out: string) => readFileSync(join(out, 'best.safetensors'));
  for (const fault of ['torn', 'after'] as const) {
    for (let [at, isComplete] = [1, false]; !isComplete; at++) {
      const out = join(root, `run${count++}`);
      const { openStore, counted } = faultyStore(at, fault);
      isComplete = await adaptMeta(whole, shapes, { out, openStore }).then(
        () => counted.writes < at,
        () => false,
      );
      if (!existsSync(join(out, 'run.json'))) await adaptMeta(whole, shapes, { out });
      expect((await readRun(out)).status).toBe('done');
      expect(best(out).equals(best(sound))).toBe(true);
    }
  }
}, 120_000);
