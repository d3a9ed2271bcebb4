import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import { graft, startGraft, written } from '../../test/graft.ts';
import { drawPictures, ownCache, temporaryFolder } from '../../test/pictures.ts';
import { expectSameLogs, expectSameRun } from '../../test/runs.ts';
import { randomStream } from '../base/random.ts';
import { readLast } from '../train/node/index.ts';

/** GRAFT_KILLS=20 is the whole of it; a run is as long as it needs to be killed so often. */
const kills = Number(process.env.GRAFT_KILLS ?? 4);
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

beforeAll(async () => {
  await drawPictures(shapes, { perClass: 12 }); // 30 to train: 15 steps an epoch
  const pretraining = ['--strategy', 'scratch', '--epochs', '1', '--out', join(root, 'pretrained')];
  expect((await graft(['train', shapes, ...small, ...pretraining])).status).toBe(0);
  expect((await graft(['train', shapes, ...small, ...gradual, '--out', whole])).status).toBe(0);
}, 600_000);

test('killed around the unfreezing and at any other moment, gone on with each time, a run is what it would have been', async () => {
  const out = join(root, 'killed');
  const stream = randomStream(5, 'kills');
  const moments: string[] = [];
  for (let kill = 0; kill < kills; kill++) {
    // A run that was killed before its first checkpoint is begun anew, as its message says.
    const isBegun = existsSync(join(out, 'last.safetensors'));
    const args = isBegun ? ['--resume', out] : [shapes, ...small, ...gradual, '--out', out, '--overwrite'];
    const { child, done } = startGraft(['train', ...args]);
    const epoch = isBegun ? (await readLast(out)).phase.epoch : 0;
    const boundary = boundaries.find((end) => end > epoch);
    const isAtBoundary = boundary !== undefined && kill % 2 === 1;
    const moment = isAtBoundary ? `epoch ${boundary} of` : 'training (';
    await Promise.race([written(child, moment).catch(() => {}), done]);
    await sleep((isAtBoundary ? 60 : 400) * stream.uniform());
    child.kill('SIGKILL');
    await done;
    if (existsSync(join(out, 'last.safetensors'))) {
      const { phase } = await readLast(out);
      moments.push(`${phase.epoch}+${phase.step}`);
    }
  }
  console.info(
    `killed ${kills} times in ${epochs} epochs; epochs and steps that were saved then: ${moments.join(', ')}`,
  );
  const rest = await graft(['train', '--resume', out]);
  // On a fast machine it may have been complete before the last kill.
  if (rest.status !== 0) expect(rest.stderr).toContain('is complete');
  expectSameRun(whole, out);
  expectSameLogs(whole, out);
  const [a, b] = [whole, out].map((run) => JSON.parse(readFileSync(join(run, 'run.json'), 'utf8')));
  expect(b).toEqual(a);
}, 600_000);
