import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { drawImages, ownCache, temporaryFolder } from '../../../../test/images.ts';
import { expectSameRun, smallRun } from '../../../../test/runs.ts';
import type { Executor, JobEvent } from './executor.ts';
import type { Job } from './job.ts';
import { localExecutor } from './local-executor.ts';

ownCache();
const root = temporaryFolder();
let data: string;

beforeAll(async () => {
  data = await drawImages(join(root, 'shapes'), { perClass: 12 });
});

const jobOf = (id: string, options: object = {}): Job => ({
  ...{ id, kind: 'train' },
  task: { data: { path: data, sha256: null }, config: { ...smallRun, ...options }, tune: false },
});

/** Hears of jobs until so many have ended. */
async function until(executor: Executor, count: number, hear: (event: JobEvent) => unknown = () => {}) {
  const all: JobEvent[] = [];
  for await (const event of executor.events()) {
    all.push(event);
    await hear(event);
    if (['done', 'cancelled', 'failed'].includes(event.kind) && --count === 0) break;
  }
  return all;
}

/** The child processes that train. */
function children(): number[] {
  const found = execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(process.pid)], { encoding: 'utf8' });
  return found.split('\n').flatMap((line) => (line.includes('job-process-main') ? [Number.parseInt(line, 10)] : []));
}

test.skipIf(process.platform === 'win32')(
  'a job whose process is killed, one that is cancelled, and one whose executor is closed, end as if nothing had been',
  async () => {
    const whole = join(root, 'whole');
    await using undisturbed = localExecutor({ root: whole, jobs: 2 });
    for (const id of ['a', 'b']) await undisturbed.submit(jobOf(id, { seed: id === 'a' ? 0 : 1 }));
    const events = await until(undisturbed, 2);
    const steps = events.flatMap((event) => (event.kind === 'report' && event.id === 'a' ? [event.report] : []));
    expect(steps).toMatchObject([1, 2, 3].map((epoch) => ({ kind: 'evaluation', epoch })));

    const other = join(root, 'other');
    const first = localExecutor({ root: other, jobs: 1 });
    await first.submit(jobOf('a', { seed: 0 }));
    await first.submit(jobOf('b', { seed: 1 }));
    await first.submit(jobOf('b', { seed: 1 }));
    await expect(first.submit(jobOf('b', { seed: 2 }))).rejects.toThrow(/Another job/);
    let isKilled = false;
    const told = await until(first, 2, async (event) => {
      if (event.kind === 'report' && event.id === 'a' && !isKilled) {
        isKilled = true;
        process.kill(children()[0]!, 'SIGKILL');
      }
      if (event.kind === 'report' && event.id === 'b') await first.cancel('b');
    });
    expect(told.filter(({ kind }) => kind === 'started')).toMatchObject([
      { id: 'a', attempt: 1 },
      { id: 'a', attempt: 2 },
      { id: 'b', attempt: 1 },
    ]);
    expectSameRun(join(other, 'a'), join(whole, 'a'));
    await first.resume('b');
    await until(first, 1, async (event) => event.kind === 'started' && (await first.close()));

    await using second = localExecutor({ root: other, jobs: 2 });
    for (const id of ['a', 'b']) await second.submit(jobOf(id, { seed: id === 'a' ? 0 : 1 }));
    const ends = (await until(second, 2)).filter(({ kind }) => kind === 'done');
    // What is done is not done again, and its end is the same.
    expect(ends.find(({ id }) => id === 'a')).toEqual(events.find(({ kind, id }) => kind === 'done' && id === 'a'));
    expectSameRun(join(other, 'b'), join(whole, 'b'));
  },
);

test('a job that fails says why, and is not begun again', async () => {
  await using executor = localExecutor({ root: join(root, 'failing'), jobs: 1 });
  await executor.submit(jobOf('x', { weights: 'missing.safetensors', strategy: 'full' }));
  await executor.submit({ id: 'y', kind: 'bake', task: {} });
  const events = await until(executor, 2);
  expect(events.filter(({ kind }) => kind === 'started')).toHaveLength(2);
  expect(events.filter(({ kind }) => kind === 'failed')).toMatchObject([
    { id: 'x', message: expect.stringContaining('missing.safetensors') },
    { id: 'y', message: expect.stringContaining('bake') },
  ]);
});
