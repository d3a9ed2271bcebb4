import { spawn } from 'node:child_process';
import { truncateSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { UsageError, UserError } from '@graft-ml/core/internal/base/errors';
import { describe, expect, test } from 'vitest';
import { outcomeOf, program } from '../../../../test/graft.ts';
import { temporaryFolder } from '../../../../test/images.ts';
import { describeFailure } from './failure.ts';

const root = temporaryFolder();

/** What work throws, by itself or by rejection. */
async function thrownBy(work: () => unknown): Promise<unknown> {
  try {
    await work();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

describe('what ended a command', () => {
  test('a mistake of the user is its message alone; used wrongly is status 2', () => {
    expect(describeFailure(new UserError('No.'))).toEqual({ text: 'No.', status: 1 });
    expect(describeFailure(new UsageError('No.'))).toEqual({ text: 'No.', status: 2 });
  });

  test('anything else is a bug, with its stack', () => {
    const { text, status } = describeFailure(new TypeError('x is undefined'));
    expect(status).toBe(1);
    expect(text).toMatch(/^this is a bug\. TypeError: x is undefined\n {4}at /);
    expect(describeFailure('a text').text).toBe('this is a bug. a text');
  });

  test.each([
    ['a block of memory', () => new ArrayBuffer(2 ** 46), 'There is not enough memory.'],
    ['a list of numbers', () => new Float64Array(2 ** 52), 'There is not enough memory.'],
    ['a text', () => 'x'.repeat(2 ** 30), 'A text is longer than V8 can hold.'],
    ['a thread', () => exhaustedThread(), 'A thread has run out of memory.'],
    ['a huge file', () => readFile(hugeFile()), 'A file is larger than can be read at once.'],
    ['a file of the system', () => readFile(join(root, 'nowhere')), 'The system refuses: ENOENT: no such file'],
    ['a package', () => import(`${root}/nothing.mjs`), 'A part of Graft cannot be loaded.'],
    ['a cause', () => Promise.reject(new Error('x', { cause: new Error('std::bad_alloc') })), 'There is not enough'],
  ])('a limit of the machine or of V8 is a sentence: %s', async (_, work, sentence) => {
    const { text, status } = describeFailure(await thrownBy(work));
    expect([status, text]).toEqual([1, expect.stringContaining(sentence)]);
    expect(text).not.toMatch(/bug|\n/);
  });
});

/** A thread that fills a heap of 10 MB. */
function exhaustedThread(): Promise<never> {
  const worker = new Worker('const all = []; for (;;) all.push(new Array(1000).fill(all.length));', {
    eval: true,
    resourceLimits: { maxOldGenerationSizeMb: 10 },
  });
  return new Promise((_, reject) => worker.on('error', reject));
}

/** 3 GiB of nothing. */
function hugeFile(): string {
  const path = join(root, 'huge');
  writeFileSync(path, '');
  truncateSync(path, 3 * 2 ** 30);
  return path;
}

/** A shell with limits of its own. */
function limited(limit: string): Promise<{ status: number | null; stdout: string; stderr: string }> {
  return outcomeOf(spawn('bash', ['-c', `${limit}; exec "$0" "$@"`, process.execPath, program, 'models']));
}

describe.skipIf(process.platform !== 'linux')('limits of the process, before anything is loaded', () => {
  test('too few open files: a sentence with the remedy, and no stack', async () => {
    const { status, stdout, stderr } = await limited('ulimit -n 24'); // Node begins with about 20
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^graft: .*ulimit -n 4096/);
    expect(stderr).not.toMatch(/bug|\n {4}at /);
  });

  test('too narrow an address space is said before V8 ends the process', async () => {
    const { stderr } = await limited('ulimit -v 1100000');
    expect(stderr).toMatch(/^graft: the address space of this process is limited to 1074 MiB \(ulimit -v\)/);
  });
});
