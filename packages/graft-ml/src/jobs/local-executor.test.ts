import { fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import { type ContractRun, contractRun, describeExecutor, untilEnded } from '../../../../test/executor-contract.ts';
import { temporaryFolder } from '../../../../test/images.ts';
import { expectSameRun } from '../../../../test/runs.ts';
import { openDatabase } from '../files/database.ts';
import { describeProcess, isRunning } from '../files/process-note.ts';
import type { JobEvent } from './executor.ts';
import { localExecutor } from './local-executor.ts';

const folder = temporaryFolder();
const newRoot = () => mkdtemp(join(folder, 'jobs-'));

/** The process that does a job, as the table of jobs has it. */
async function processOf(root: string, id: string): Promise<number> {
  const database = await openDatabase(join(root, 'jobs.db'));
  try {
    const row = database.prepare('SELECT job_process FROM graft_jobs WHERE id = ?').get(id) as { job_process: string };
    return JSON.parse(row.job_process).pid;
  } finally {
    database.close();
  }
}

describeExecutor('processes of this machine', { open: async (root) => localExecutor({ root, jobs: 2 }), processOf });

let run: ContractRun;
beforeAll(async () => {
  run = await contractRun(folder);
});

test('the jobs of a submitter that was killed are gone on with at once, whatever it had to leave', async () => {
  const root = await newRoot();
  const program = join(folder, 'submit.mjs');
  const built = new URL('../../dist/jobs/local-executor.js', import.meta.url).href;
  writeFileSync(
    program,
    `const { localExecutor } = await import(${JSON.stringify(built)});
     const executor = localExecutor({ root: ${JSON.stringify(root)}, jobs: 1 });
     for (const id of ['a', 'b']) await executor.submit({ ...${JSON.stringify(run.job(''))}, id });
     for await (const event of executor.events()) process.send(event);`,
  );
  const submitter = fork(program, [], { stdio: 'inherit' });
  await new Promise<void>((resolve) => {
    submitter.on('message', ({ kind }: JobEvent) => kind === 'report' && resolve());
  });
  const worker = await describeProcess(await processOf(root, 'a'));
  submitter.kill('SIGKILL');

  await using executor = localExecutor({ root, jobs: 2 });
  for (const id of ['a', 'b']) await executor.submit(run.job(id));
  const events = await untilEnded(executor, ['a', 'b']);
  expect(events.flatMap((event) => (event.kind === 'started' ? [[event.id, event.attempt]] : [])).sort()).toEqual([
    ['a', 1],
    ['a', 2],
    ['b', 1],
  ]);
  for (const id of ['a', 'b']) expectSameRun(await executor.folder(id), run.whole);
  expect(await isRunning(worker)).toBe(false);
});

test('jobs of an executor that is closed stop where they can go on, and one of an unknown kind fails', async () => {
  const root = await newRoot();
  const first = localExecutor({ root, jobs: 1 });
  await first.submit({ id: 'x', kind: 'bake', task: {} });
  await first.submit(run.job('a'));
  const told: JobEvent[] = [];
  for await (const event of first.events()) {
    told.push(event);
    if (event.kind === 'report') await first.close();
  }
  expect(told.find(({ kind }) => kind === 'failed')).toMatchObject({
    id: 'x',
    message: expect.stringContaining('bake'),
  });
  expect(told.some(({ id, kind }) => id === 'a' && kind === 'cancelled')).toBe(false);

  await using second = localExecutor({ root, jobs: 1 });
  await second.submit(run.job('a'));
  const events = await untilEnded(second, ['a']);
  expect(events.filter(({ kind }) => kind === 'started')).toHaveLength(2);
  expectSameRun(await second.folder('a'), run.whole);
});

test('two submitters of the same jobs have each done once, and hear of all', async () => {
  const root = await newRoot();
  await using one = localExecutor({ root, jobs: 1 });
  await using other = localExecutor({ root, jobs: 1 });
  const ids = ['a', 'b'];
  for (const id of ids) await Promise.all([one, other].map((executor) => executor.submit(run.job(id))));
  const told = await Promise.all([one, other].map((executor) => untilEnded(executor, ids)));
  for (const events of told) {
    expect(events.filter(({ kind }) => kind === 'started')).toHaveLength(2);
    expect(events.filter(({ kind }) => kind === 'done')).toHaveLength(2);
  }
  for (const id of ids)
    expect(told[0]!.filter((event) => event.id === id)).toEqual(told[1]!.filter((event) => event.id === id));
});

test('a job whose process breaks down again and again fails', async () => {
  const root = await newRoot();
  await using executor = localExecutor({ root, jobs: 1 });
  await executor.submit(run.job('a'));
  const events = await untilEnded(executor, ['a'], async ({ kind }) => {
    if (kind !== 'started') return;
    let pid = Number.NaN;
    while (Number.isNaN(pid)) {
      await delay(20);
      pid = await processOf(root, 'a').catch(() => Number.NaN);
    }
    process.kill(pid, 'SIGKILL');
  });
  expect(events.map(({ kind }) => kind)).toEqual(['started', 'started', 'started', 'failed']);
  expect(events.at(-1)).toMatchObject({ message: expect.stringMatching(/broke down 3 times.*SIGKILL/) });
});
