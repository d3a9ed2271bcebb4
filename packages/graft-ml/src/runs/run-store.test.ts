import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { train } from '@graft-ml/core/internal/fit/trainer';
import { readBest, readLast } from '@graft-ml/core/internal/runs/checkpoints';
import { closing, recorded } from '@graft-ml/core/internal/runs/recording';
import { type Run, trainingRuns } from '@graft-ml/core/internal/runs/run-file';
import { RunFolder } from '@graft-ml/core/internal/runs/run-folder';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Fault, faults, faultyStore } from '../../../../test/faulty-store.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { expectSameLogs, expectSameRun, runFolder, smallRun } from '../../../../test/runs.ts';
import { runtime, taskOf } from '../../../../test/toy-run.ts';
import { collect } from '../../../../test/training.ts';
import { resumeTraining, trainFolder } from '../transfer/train-folder.ts';
import { nodeHost } from './host.ts';
import { readRun } from './read-run.ts';
import { lockRun } from './run-lock.ts';
import type { OpenRunStore } from './run-store.ts';
import { openRunStore } from './run-store.ts';

ownCache();
const root = temporaryFolder();
const shapes = join(root, 'shapes');
const whole = join(root, 'whole');
let count = 0;
let run: Run;

beforeAll(async () => {
  await drawImages(shapes, { perClass: 6 });
  await runFolder(shapes, join(root, 'pattern'), { stopAfter: 1, log: ['csv', 'tensorboard'] });
  run = { ...(await readRun(join(root, 'pattern'))), status: 'running', best: null };
  await trainToy(whole);
});

/** Two epochs of five steps with all logs, into a run folder: from where it stands, or else from the start. */
async function trainToy(out: string, openStore?: OpenRunStore): Promise<void> {
  const isBegun = existsSync(join(out, 'last.safetensors'));
  const last = isBegun ? await readLast(out, trainingRuns, openRunStore) : null;
  const lock = isBegun ? await lockRun(out) : null;
  const task = taskOf({ epochs: 2 });
  const parts = { description: { format: 'toy' }, initial: task.initial, onnx: null, host: nodeHost(openStore) };
  const folder = new RunFolder(out, isBegun ? await readRun(out) : run, parts, lock);
  const events = train(task, { runtime: runtime(), store: folder, ...(last && { resume: last }) });
  const work = async function* () {
    const end = yield* recorded(events, folder, { runtime: runtime(), last, overwrite: true });
    if (end) await folder.log(end);
    await folder.close('done');
  };
  await collect(closing(folder, work()));
}

/** Whatever went wrong before, what stands in the folder can be read. */
async function expectSound(out: string): Promise<void> {
  if (existsSync(join(out, 'run.json'))) await readRun(out);
  if (existsSync(join(out, 'last.safetensors'))) await readLast(out, trainingRuns, openRunStore);
  if (existsSync(join(out, 'best.safetensors'))) await readBest(out, trainingRuns, openRunStore);
  expect(existsSync(join(out, 'run.lock'))).toBe(false);
}

function expectSame(a: string, b: string): void {
  expectSameRun(a, b);
  expectSameLogs(a, b);
  const files = (out: string) => readdirSync(out).map((name) => name.replace(/tfevents\..*/, 'tfevents'));
  expect(files(b)).toEqual(files(a));
  const status = (out: string) => JSON.parse(readFileSync(join(out, 'run.json'), 'utf8')).status;
  expect([status(a), status(b)]).toEqual(['done', 'done']);
}

describe('a run one of whose writes fails', () => {
  test.each(faults)(
    '%s: whichever it is, the run can be opened, and ends bit for bit as if it had not',
    async (fault) => {
      let at = 1;
      for (let isComplete = false; !isComplete; at++) {
        const out = join(root, `toy${count++}`);
        const first = faultyStore(at, fault);
        isComplete = await trainToy(out, first.openStore).then(
          () => first.counted.writes < at,
          () => false,
        );
        await expectSound(out);
        // Resuming fails at some write, too.
        const second = faultyStore(1 + (at % 7), fault);
        if (!isComplete) await trainToy(out, second.openStore).catch(() => {});
        await expectSound(out);
        await trainToy(out);
        expectSame(whole, out);
      }
      expect(at).toBeGreaterThan(15);
    },
    120_000,
  );

  test('of training on images and all around it', async () => {
    const config = { ...smallRun, epochs: 1, log: ['csv', 'tensorboard'] as const };
    const [sound, options] = [join(root, 'sound'), { overwrite: true }];
    await collect(trainFolder(shapes, config, { out: sound, ...options }));
    let at = 1;
    for (let isComplete = false; !isComplete; at += 3) {
      const out = join(root, `run${count++}`);
      mkdirSync(out);
      const { openStore, counted } = faultyStore(at, faults[at % faults.length] as Fault);
      isComplete = await collect(trainFolder(shapes, config, { out, ...options, openStore })).then(
        () => counted.writes < at,
        () => false,
      );
      await expectSound(out);
      const isBegun = existsSync(join(out, 'last.safetensors'));
      const isDone = isBegun && (await readRun(out)).status === 'done';
      if (!isBegun) await collect(trainFolder(shapes, config, { out, ...options }));
      else if (!isDone) await collect(resumeTraining(out));
      expectSame(sound, out);
    }
    expect(at).toBeGreaterThan(8);
  }, 120_000);
});
