import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { randomStream } from '@graft-ml/core/internal/base/random';
import { readLast } from '@graft-ml/core/internal/runs/checkpoints';
import { trainingRuns } from '@graft-ml/core/internal/runs/run-file';
import { beforeAll, expect, test } from 'vitest';
import { graft, startGraft, written } from '../../../../test/graft.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { expectSameLogs, expectSameRun } from '../../../../test/runs.ts';
import { openRunStore } from '../runs/run-store.ts';

/** GRAFT_KILLS=30 is the whole of it; a run is as long as it needs to be killed so often. */
const kills = Number(process.env.GRAFT_KILLS ?? 3);
const timeout = 600_000 + 30_000 * kills;
/** Epochs between two unfreezings. */
const stretch = Math.max(2, Math.ceil(kills / 2));
const boundaries = [1, 2, 3].map((i) => i * stretch);
const epochs = 4 * stretch;

ownCache();
const root = temporaryFolder();
const shapes = join(root, 'shapes');
const whole = join(root, 'whole');
const weights = join(root, 'pretrained', 'best.safetensors');
const small = ['--model', 'conv4', '--batch-size', '2', '--threads', '1'];
const gradual = [
  ...[
    '--strategy',
    'gradual',
    '--unfreeze',
    `0:head,${boundaries[0]}:layer4,${boundaries[1]}:layer3,${boundaries[2]}:all`,
  ],
  ...['--weights', weights, '--epochs', String(epochs), '--ema', '0.9', '--log', 'csv,tensorboard'],
];

const classes = join(root, 'classes');
const [learned, adapted] = [join(root, 'learned'), join(root, 'adapted')];
/** Steps between two validations. */
const validateEvery = 8;
const learning = [
  ...['--way', '2', '--shots', '2', '--queries', '2', '--split', '2/2/1', '--image-size', '28', '--threads', '1'],
  ...['--meta-steps', String(validateEvery * Math.max(4, Math.ceil(kills / 3)))],
  ...['--validate-every', String(validateEvery), '--episodes', '10', '--log', 'csv,tensorboard'],
];
const adapting = ['meta', 'adapt', learned, classes, '--shots', '3'];

beforeAll(async () => {
  await drawImages(classes, { perClass: 8, classes: ['bar', 'cross', 'disc', 'ring', 'square'] });
  expect((await graft(['meta', 'train', classes, ...learning, '--out', learned])).status).toBe(0);
  expect((await graft([...adapting, '--out', adapted])).status).toBe(0);
  await drawImages(shapes, { perClass: 12 }); // 30 to train: 15 steps an epoch
  const pretraining = ['--strategy', 'scratch', '--epochs', '1', '--out', join(root, 'pretrained')];
  expect((await graft(['train', shapes, ...small, ...pretraining])).status).toBe(0);
  expect((await graft(['train', shapes, ...small, ...gradual, '--out', whole])).status).toBe(0);
}, timeout);

test(
  'killed around the unfreezing and at any other moment, resumed each time, a run is what it would have been',
  async () => {
    const out = join(root, 'killed');
    const stream = randomStream(5, 'kills');
    const moments: string[] = [];
    for (let kill = 0; kill < kills; kill++) {
      // A run that was killed before its first checkpoint is begun anew, as its message says.
      const isBegun = existsSync(join(out, 'last.safetensors'));
      const args = isBegun ? ['--resume', out] : [shapes, ...small, ...gradual, '--out', out, '--overwrite'];
      const { child, done } = startGraft(['train', ...args]);
      const epoch = isBegun ? (await readLast(out, trainingRuns, openRunStore)).phase.epoch : 0;
      const boundary = boundaries.find((end) => end > epoch);
      const isAtBoundary = boundary !== undefined && kill % 2 === 1;
      const moment = isAtBoundary ? `epoch ${boundary} of` : 'training (';
      await Promise.race([written(child, moment).catch(() => {}), done]);
      await sleep((isAtBoundary ? 60 : 400) * stream.uniform());
      child.kill('SIGKILL');
      await done;
      if (existsSync(join(out, 'last.safetensors'))) {
        const { phase } = await readLast(out, trainingRuns, openRunStore);
        moments.push(`${phase.epoch}+${phase.step}`);
      }
    }
    console.info(
      `killed ${kills} times in ${epochs} epochs; epochs and steps that were saved then: ${moments.join(', ')}`,
    );
    await expectSameEnd(['train', '--resume', out], whole, out);
  },
  timeout,
);

test(
  'killed at any moment, a run of meta-learning is what it would have been',
  async () => {
    const out = join(root, 'killed-meta');
    const stream = randomStream(6, 'kills');
    const moments: string[] = [];
    for (let kill = 0; kill < kills; kill++) {
      const isBegun = existsSync(join(out, 'last.safetensors'));
      const args = isBegun ? ['--resume', out] : [classes, ...learning, '--out', out, '--overwrite'];
      const { child, done } = startGraft(['meta', 'train', ...args]);
      await Promise.race([written(child, 'meta-training (').catch(() => {}), done]);
      await sleep(1200 * stream.uniform());
      child.kill('SIGKILL');
      await done;
      if (!existsSync(join(out, 'last.safetensors'))) continue;
      const { phase } = await readLast(out, trainingRuns, openRunStore);
      moments.push(`${phase.epoch}+${phase.step}`);
    }
    console.info(`killed ${kills} times; validations and steps that were saved then: ${moments.join(', ')}`);
    await expectSameEnd(['meta', 'train', '--resume', out], learned, out);
  },
  timeout,
);

test(
  'adapting that is killed leaves a whole run or none, and the same command makes the same',
  async () => {
    const out = join(root, 'killed-adapt');
    const stream = randomStream(7, 'kills');
    const start = performance.now();
    expect((await graft([...adapting, '--out', join(root, 'measured')])).status).toBe(0);
    const duration = performance.now() - start;
    const moments: string[] = [];
    for (let kill = 0; kill < kills; kill++) {
      const { child, done } = startGraft([...adapting, '--out', out]);
      // Most of it is preparation; every other one is killed while it writes, or just before or after.
      const moment =
        kill % 2 === 0 ? sleep(duration * (1 - 0.6 * stream.uniform() ** 2)) : madeFolder(out, 40 * stream.uniform());
      await Promise.race([moment, done]);
      child.kill('SIGKILL');
      await done;
      const isWhole = existsSync(join(out, 'run.json'));
      moments.push(isWhole ? 'whole' : existsSync(out) ? 'begun' : 'none');
      if (isWhole) {
        expectSameFiles(adapted, out);
        rmSync(out, { recursive: true });
      }
    }
    console.info(`killed ${kills} times; what stood there then: ${moments.join(', ')}`);
    const { status, stderr } = await graft([...adapting, '--out', out]);
    expect([status, stderr]).toEqual([0, expect.any(String)]);
    expectSameFiles(adapted, out);
  },
  timeout,
);

/** Some milliseconds after a folder is there. */
async function madeFolder(path: string, after: number): Promise<void> {
  while (!existsSync(path)) await sleep(1);
  await sleep(after);
}

function expectSameFiles(a: string, b: string): void {
  expect(readFileSync(join(b, 'best.safetensors')).equals(readFileSync(join(a, 'best.safetensors')))).toBe(true);
  const [left, right] = [a, b].map((run) => JSON.parse(readFileSync(join(run, 'run.json'), 'utf8')));
  expect(right).toEqual(left);
}

/** The run is resumed to its end, and all that is left of it is what it would have been. */
async function expectSameEnd(resume: readonly string[], whole: string, out: string): Promise<void> {
  const rest = await graft(resume);
  // On a fast machine it may have been complete before the last kill.
  if (rest.status !== 0) expect(rest.stderr).toContain('is complete');
  expectSameRun(whole, out);
  expectSameLogs(whole, out);
  const [a, b] = [whole, out].map((run) => JSON.parse(readFileSync(join(run, 'run.json'), 'utf8')));
  expect(b).toEqual(a);
}
