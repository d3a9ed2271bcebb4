import { execFileSync, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { graft, outcomeOf, program, startGraft, written } from '../../../../test/graft.ts';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { expectSameRun, metricsOf } from '../../../../test/runs.ts';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 }); // up to four processes a test, on a busy machine
ownCache();
const root = temporaryFolder();
const shapes = join(root, 'shapes');
const whole = join(root, 'whole');
const part = join(root, 'part');
const flags = ['--model', 'conv4', '--epochs', '6', '--batch-size', '4', '--threads', '1'];

beforeAll(async () => {
  await drawImages(shapes, { perClass: 8 }); // 21 to train: 5 steps an epoch
  expect((await graft(['train', shapes, ...flags, '--out', whole])).status).toBe(0);
  const { child, done } = start(part);
  await written(child, 'epoch 2 of');
  child.kill('SIGKILL');
  await done;
});

function start(out: string) {
  return startGraft(['train', shapes, ...flags, '--out', out]);
}

/** A run that stands still in training, some epochs after its start. */
async function paused(out: string) {
  const { child, done } = start(out);
  await written(child, 'epoch 2 of');
  child.kill('SIGSTOP');
  return { child, done };
}

/** What must not be lost, byte for byte. */
function kept(out: string): Record<string, Buffer> {
  const names = readdirSync(out).filter((name) => /^(run\.json|(last|best)\.safetensors)$/.test(name));
  expect(names).toContain('last.safetensors');
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(out, name))]));
}

async function expectToGoOn(out: string): Promise<void> {
  expect((await graft(['train', '--resume', out])).stderr).not.toContain('graft:');
  expectSameRun(whole, out);
  expect(readdirSync(out).sort()).toEqual(readdirSync(whole).sort());
}

describe('two processes on one run folder', () => {
  const out = join(root, 'shared');

  test('the second is told who has it, and the first ends as if there had been none', async () => {
    const { child, done } = await paused(out);
    const before = kept(out);
    const attempts = [
      ['--resume', out],
      [shapes, ...flags, '--out', out, '--overwrite'],
    ];
    for (const args of attempts) {
      const { status, stdout, stderr } = await graft(['train', ...args]);
      expect([status, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(new RegExp(`graft: ${out} is being trained by process ${child.pid} on .*, since 2.*Z\\.`));
      expect(stderr).not.toContain('    at ');
    }
    expect(kept(out)).toEqual(before);
    child.kill('SIGCONT');
    expect((await done).status).toBe(0);
    expectSameRun(whole, out);
  });

  test('of two that resume a killed run at the same moment, one does', async () => {
    const killed = join(root, 'killed');
    cpSync(part, killed, { recursive: true });
    const outcomes = await Promise.all([1, 2].map(() => graft(['train', '--resume', killed])));
    expect(outcomes.map(({ status }) => status).sort()).toEqual([0, 1]);
    expect(outcomes.find(({ status }) => status === 1)!.stderr).toMatch(/is being trained by process|is complete/);
    expectSameRun(whole, killed);
  });

  test('of two that begin a run at the same moment, one does', async () => {
    const fresh = join(root, 'fresh');
    const outcomes = await Promise.all([1, 2].map(() => start(fresh).done));
    expect(outcomes.map(({ status }) => status).sort()).toEqual([0, 1]);
    expect(outcomes.find(({ status }) => status === 1)!.stderr).toMatch(
      /is being trained by process|already holds a run/,
    );
    expectSameRun(whole, fresh);
  });
});

describe('the run folder, in training', () => {
  test('removed: an error, and it stays removed', async () => {
    const out = join(root, 'removed');
    const { child, done } = await paused(out);
    rmSync(out, { recursive: true });
    child.kill('SIGCONT');
    const { status, stdout, stderr } = await done;
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toContain(`graft: ${out} was removed or renamed while it was being trained.`);
    expect(stderr).not.toContain('    at ');
    expect(existsSync(out)).toBe(false);
  });

  test('renamed: an error, and the run goes on under its new name', async () => {
    const [out, renamed] = [join(root, 'old'), join(root, 'new')];
    const { child, done } = await paused(out);
    renameSync(out, renamed);
    child.kill('SIGCONT');
    expect((await done).stderr).toContain('If it has another name now: `graft train --resume <run>`.');
    expect(existsSync(out)).toBe(false);
    await expectToGoOn(renamed);
  });

  test('a folder in place of a checkpoint: its path; when it is gone, the run goes on', async () => {
    const out = join(root, 'blocked');
    const { child, done } = await paused(out);
    const checkpoint = join(out, 'last.safetensors');
    renameSync(checkpoint, join(root, 'aside'));
    mkdirSync(checkpoint);
    child.kill('SIGCONT');
    const { status, stderr } = await done;
    expect([status, stderr]).toEqual([1, expect.stringContaining(`graft: Cannot write ${checkpoint}: E`)]);
    rmSync(checkpoint, { recursive: true });
    renameSync(join(root, 'aside'), checkpoint);
    await expectToGoOn(out);
  });
});

describe('no room for a checkpoint', () => {
  test.skipIf(process.platform === 'win32')('a file may not be so long: the checkpoints before stand', async () => {
    const out = join(root, 'limited');
    cpSync(part, out, { recursive: true });
    const before = kept(out);
    // 64 KiB hold everything but a checkpoint.
    const child = spawn('bash', [
      '-c',
      'ulimit -f 64; exec "$0" "$@"',
      process.execPath,
      program,
      'train',
      '--resume',
      out,
    ]);
    const { status, stderr } = await outcomeOf(child);
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/graft: Cannot write .*(last|best)\.safetensors: EFBIG: file too large/),
    ]);
    expect(stderr).toContain(`The last checkpoint stands. Go on with: graft train --resume ${out}`);
    expect(kept(out)).toEqual({ ...before, 'run.json': expect.any(Buffer) }); // in which it says that it was resumed
    await expectToGoOn(out);
  });
});

/** A file system of its own, which only root may make. */
const disk = join(root, 'disk');
const isMounted = mountDisk();
afterAll(() => void (isMounted && execFileSync('umount', [disk])));

function mountDisk(): boolean {
  mkdirSync(disk, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'graft-test', disk], { stdio: 'ignore' });
    return true;
  } catch {
    console.info('mishaps.test.ts: skipped what needs a file system of its own, which only root may make');
    return false;
  }
}

describe.skipIf(!isMounted)('a disk of its own', () => {
  test('that is full: exit 1, the path; what was there stands, and with room again the run goes on', async () => {
    const [out, filler] = [join(disk, 'full'), join(disk, 'filler')];
    cpSync(part, out, { recursive: true });
    const before = kept(out);
    expect(() => writeFileSync(filler, Buffer.alloc(2 ** 25))).toThrow('ENOSPC');
    expect((await graft(['train', '--resume', out])).stderr).toContain(`graft: Cannot write ${out}: ENOSPC`);
    expect(kept(out)).toEqual(before);
    truncateSync(filler, statSync(filler).size - 2 ** 16); // room for everything but a checkpoint
    const { status, stdout, stderr } = await graft(['train', '--resume', out]);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/graft: Cannot write .*full\/(last|best)\.safetensors: ENOSPC: no space left on device/);
    expect(stderr).not.toContain('    at ');
    expect(kept(out)).toEqual({ ...before, 'run.json': expect.any(Buffer) });
    rmSync(filler);
    await expectToGoOn(out);
    rmSync(out, { recursive: true });
  });

  test('that may only be read from: the path, and nothing is changed', async () => {
    const out = join(disk, 'locked');
    cpSync(part, out, { recursive: true });
    execFileSync('mount', ['-o', 'remount,ro', disk]);
    const { status, stderr } = await graft(['train', '--resume', out]);
    expect([status, stderr]).toEqual([1, expect.stringContaining(`graft: Cannot write ${out}: EROFS: read-only`)]);
    expect(kept(out)).toEqual(kept(part));
  });
});

test('nothing of this touched the log of the run that was copied', () => {
  expect(metricsOf(part).length).toBeLessThan(6);
});
