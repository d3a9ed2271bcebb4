import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../../../test/images.ts';
import { assertNotLocked, lockRun } from './run-lock.ts';

const root = temporaryFolder();
let count = 0;

function runFolder(): string {
  const path = join(root, `run${count++}`);
  mkdirSync(path);
  return path;
}

/** A run folder with a lock of this process, in whose note some fields are others. */
async function lockedBy(changes: object): Promise<string> {
  const [model, path] = [runFolder(), runFolder()];
  const lock = await lockRun(model);
  const [name] = readdirSync(join(model, 'run.lock'));
  const own = JSON.parse(readFileSync(join(model, 'run.lock', name!), 'utf8'));
  await lock.release();
  mkdirSync(join(path, 'run.lock'));
  writeFileSync(join(path, 'run.lock', 'note.json'), JSON.stringify({ ...own, ...changes }));
  return path;
}

/** No process has it: Linux numbers up to 2²², others lower. */
const nobody = 2 ** 30;

test('a second lock is refused by what holds the first; afterwards nothing is left of either', async () => {
  const path = runFolder();
  const lock = await lockRun(path);
  await lock.check();
  await expect(lockRun(path)).rejects.toThrow(`${path} is being trained by this process, since 2`);
  await expect(assertNotLocked(path)).rejects.toThrow('is being trained by this process');
  await lock.check();
  await lock.release();
  expect(readdirSync(path)).toEqual([]);
  await (await lockRun(path)).release();
});

test('what a killed process held is free at once, and one of many gets it', async () => {
  const path = await lockedBy({ pid: nobody });
  await assertNotLocked(path);
  const attempts = await Promise.allSettled(Array.from({ length: 20 }, () => lockRun(path)));
  const locks = attempts.flatMap((attempt) => (attempt.status === 'fulfilled' ? [attempt.value] : []));
  expect(locks).toHaveLength(1);
  for (const attempt of attempts) {
    if (attempt.status === 'rejected') expect(attempt.reason.message).toContain('is being trained by this process');
  }
  await locks[0]!.check();
  expect(readdirSync(path)).toEqual(['run.lock']);
});

test('another process under the number of the dead one does not hold it', async () => {
  if (!existsSync('/proc/self/stat')) return;
  await (await lockRun(await lockedBy({ started: '1' }))).release();
});

test('a process on another machine holds it as long as it touches its note', async () => {
  const path = await lockedBy({ host: `not-${hostname()}` });
  const note = join(path, 'run.lock', 'note.json');
  const timer = setInterval(() => utimesSync(note, new Date(), new Date()), 20);
  await expect(lockRun(path, 2000)).rejects.toThrow(`on not-${hostname()}, since`);
  clearInterval(timer);
  await (await lockRun(path, 100)).release();
  expect(readdirSync(path)).toEqual([]);
});

test('a note that cannot be read, or a lock without one, is nobody’s', async () => {
  const path = await lockedBy({ pid: 'one' });
  await (await lockRun(path)).release();
  mkdirSync(join(path, 'run.lock'));
  await (await lockRun(path)).release();
  expect(readdirSync(path)).toEqual([]);
});

test('a holder notices that the folder is gone, or another’s', async () => {
  const path = runFolder();
  const lock = await lockRun(path);
  rmSync(path, { recursive: true });
  await expect(lock.check()).rejects.toThrow(`${path} was removed or renamed while it was being trained.`);
  mkdirSync(path);
  const other = await lockRun(path);
  await expect(lock.check()).rejects.toThrow(`${path} is no longer this run's`);
  await lock.release();
  await other.check();
});

test('a file in the way, and no folder', async () => {
  const path = runFolder();
  writeFileSync(join(path, 'run.lock'), '');
  await expect(lockRun(path)).rejects.toThrow(`Cannot write ${path}: ENOTDIR`);
  expect(readdirSync(path)).toEqual(['run.lock']);
  await expect(lockRun(join(path, 'no'))).rejects.toThrow(/^Cannot write .*no: ENOENT/);
});
