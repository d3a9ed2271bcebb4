import { fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../../../test/images.ts';
import { describeProcess, endProcess, isRunning } from './process-note.ts';

const folder = temporaryFolder();

/** A process that waits. */
async function waiting() {
  const program = join(folder, 'wait.mjs');
  writeFileSync(program, `process.send('ready'); setInterval(() => {}, 1000);`);
  const child = fork(program);
  await new Promise((resolve) => child.once('message', resolve));
  return { child, note: await describeProcess(child.pid!) };
}

test('a process that is noted is ended, and one that has ended is left alone', async () => {
  const { note } = await waiting();
  expect(await isRunning(note)).toBe(true);
  await endProcess(note);
  expect(await isRunning(note)).toBe(false);
  await endProcess(note);
});

test('it may end by itself at the same time', async () => {
  for (let i = 0; i < 30; i++) {
    const { child, note } = await waiting();
    child.kill('SIGKILL');
    await endProcess(note);
    expect(await isRunning(note)).toBe(false);
  }
});
