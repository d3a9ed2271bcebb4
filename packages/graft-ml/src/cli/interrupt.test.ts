import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { randomStream } from '@graft-ml/core/internal/base/random';
import { beforeAll, expect, test } from 'vitest';
import { graft, startGraft, written } from '../../../../test/graft.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { expectSameRun, metricsOf } from '../../../../test/runs.ts';

ownCache();
const root = temporaryFolder();
const shapes = join(root, 'shapes');
const whole = join(root, 'whole');
const epochs = 14;
const flags = ['--model', 'conv4', '--epochs', String(epochs), '--batch-size', '4', '--threads', '1'];

beforeAll(async () => {
  await drawImages(shapes, { perClass: 12 }); // 30 to train: 7 steps an epoch
  expect((await graft(['train', shapes, ...flags, '--out', whole])).status).toBe(0);
});

test('killed at random moments and resumed until it is complete, a run is what it would have been', async () => {
  const out = join(root, 'killed');
  const stream = randomStream(3, 'kills');
  for (let kills = 0; kills < 3; kills++) {
    // A run that was killed before its first checkpoint is begun anew, as its message says.
    const args = existsSync(join(out, 'last.safetensors'))
      ? ['--resume', out]
      : [shapes, ...flags, '--out', out, '--overwrite'];
    const { child, done } = startGraft(['train', ...args]);
    await Promise.race([written(child, 'training ('), done]);
    await sleep(20 + 300 * stream.uniform());
    child.kill('SIGKILL');
    await done;
  }
  const rest = await graft(
    existsSync(join(out, 'last.safetensors'))
      ? ['train', '--resume', out]
      : ['train', shapes, ...flags, '--out', out, '--overwrite'],
  );
  // On a fast machine it may have been complete before the last kill.
  if (rest.status !== 0) expect(rest.stderr).toContain('is complete');
  expectSameRun(whole, out);
  expect(metricsOf(out).map(({ epoch }) => epoch)).toEqual(Array.from({ length: epochs }, (_, i) => i + 1));
});

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)(
  '%s in training: exit %i, a checkpoint, the line that resumes, and resuming ends the same',
  async (signal, code) => {
    const out = join(root, signal);
    const { child, done } = startGraft(['train', shapes, ...flags, '--out', out]);
    await written(child, 'training (');
    child.kill(signal);
    const { status, stdout, stderr } = await done;
    expect(status).toBe(code);
    expect(stdout).toMatch(/^Interrupted in epoch \d+ after step \d+\. Go on with: graft train --resume .*SIG\w+\n$/);
    expect(stderr).toContain('Stopping at the next safe point. Ctrl-C again to stop at once.');
    expect(JSON.parse(readFileSync(join(out, 'run.json'), 'utf8')).status).toBe('interrupted');
    const command = stdout.trimEnd().split('graft ')[1]!.split(' ');
    expect((await graft(command)).status).toBe(0);
    expectSameRun(whole, out);
  },
);

test('Ctrl-C in the preparation: exit 130, a sentence, and no run folder', async () => {
  mkdirSync(join(root, 'runs'));
  const out = join(root, 'runs', 'given-up');
  const { child, done } = startGraft([
    'train',
    shapes,
    '--model',
    'resnet18',
    '--strategy',
    'scratch',
    '--out',
    out,
    '--json',
  ]);
  await written(child, 'checking images');
  child.kill('SIGINT');
  const { status, stdout, stderr } = await done;
  expect(status).toBe(130);
  expect(JSON.parse(stdout)).toEqual({ out, status: 'cancelled' });
  expect(stderr).not.toContain('    at ');
  expect(existsSync(out)).toBe(false);
});

test('a second Ctrl-C ends at once, and the checkpoint before it is good', async () => {
  const out = join(root, 'twice');
  const { child, done } = startGraft(['train', shapes, ...flags, '--out', out]);
  await written(child, 'epoch 1 of');
  child.kill('SIGINT');
  await Promise.race([written(child, 'Stopping'), done]);
  child.kill('SIGINT');
  expect((await done).status).toBe(130);
  expect((await graft(['train', '--resume', out])).status).toBe(0);
  expectSameRun(whole, out);
});
