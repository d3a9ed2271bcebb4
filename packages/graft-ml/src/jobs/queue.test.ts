import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../../../test/images.ts';
import { missingServer, startServer, type TestServer } from '../../../../test/queues.ts';
import { bucketServer } from '../../../../test/s3.ts';
import type { Executor, JobEvent } from './executor.ts';
import type { ObjectStore } from './object-store.ts';
import { openBullmq, parseQueueAddress, queueName, queuePrefix } from './queue-connection.ts';
import { queueExecutor } from './queue-executor.ts';
import { type DoJob, runWorker, type WorkerEvent } from './queue-worker.ts';
import { bucketStore } from './s3-store.ts';

/** Counts to `to` in a file of its folder, which it saves at each step, and goes on where that is. */
const counting: DoJob = async ({ task }, { folder, signal, report, saved }) => {
  const { to, milliseconds = 20 } = task as { readonly to: number; readonly milliseconds?: number };
  if (to < 0) throw new UserError('It cannot count to less than 0.');
  const file = join(folder, 'count');
  let count = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
  while (count < to && !signal.aborted) {
    await delay(milliseconds);
    writeFileSync(file, String(++count));
    report({ count });
    await saved();
  }
  return count < to ? null : { count };
};

const patience = 2000;

describe.each(['redis', 'postgres'] as const)('a queue in %s', (engine) => {
  const missing = missingServer(engine);
  if (missing !== undefined) {
    it.skip(`is not tested here: ${missing}`, () => {});
    return;
  }
  const bucket = bucketServer();
  let server: TestServer;
  let store: ObjectStore;
  const cleanups: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    server = await startServer(engine);
    store = await bucketStore({ bucket: 'studies', prefix: engine }, { endpoint: bucket.endpoint() });
  });
  afterAll(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
    await server?.remove();
  });

  async function open(name: string, root = temporaryFolder()): Promise<Executor> {
    const executor = await queueExecutor({ queue: server.url, store, root, name });
    cleanups.push(() => executor.close());
    return executor;
  }

  /** A worker of this process, which `leave` ends. */
  function work(jobs = 1, doJob = counting) {
    const controller = new AbortController();
    const events: WorkerEvent[] = [];
    const cache = temporaryFolder();
    const ended = runWorker({
      ...{ queue: server.url, store, cache, jobs, signal: controller.signal, patience, doJob },
      onEvent: (event) => events.push(event),
    });
    const leave = () => {
      controller.abort();
      return ended;
    };
    cleanups.push(leave);
    return { leave, events, cache };
  }

  async function until(executor: Executor, isLast: (event: JobEvent) => boolean): Promise<JobEvent[]> {
    const seen: JobEvent[] = [];
    for await (const event of executor.events()) {
      seen.push(event);
      if (isLast(event)) return seen;
    }
    throw new Error('It ended before.');
  }

  it('does a job, tells what happens in order and brings its folder', async () => {
    const executor = await open('plain');
    const job = { id: 'trial-0000', kind: 'count', task: { to: 3 } };
    await executor.submit(job);
    const worker = work();
    const events = await until(executor, ({ kind }) => kind === 'done');
    expect(events).toEqual([
      { kind: 'started', id: job.id, attempt: 1, worker: expect.stringContaining(String(process.pid)) },
      ...[1, 2, 3].map((count) => ({ kind: 'report', id: job.id, report: { count } })),
      { kind: 'done', id: job.id, result: { count: 3 } },
    ]);
    const folder = await executor.folder(job.id);
    expect(readFileSync(join(folder, 'count'), 'utf8')).toBe('3');
    expect(await executor.concurrency()).toBe(1);
    await expect(executor.submit({ ...job, task: { to: 4 } })).rejects.toThrow(/another job trial-0000/);
    await worker.leave();
    expect(readdirSync(join(worker.cache, 'jobs'))).toEqual([]);

    // Its end is told again to whoever submits it later.
    const later = await open('plain');
    await later.submit(job);
    expect((await until(later, ({ kind }) => kind === 'done')).at(-1)).toEqual(events.at(-1));
  });

  it('tells a failure, goes on after it and after a cancellation', async () => {
    const executor = await open('ends');
    const worker = work(2);
    await executor.submit({ id: 'bad', kind: 'count', task: { to: -1 } });
    await executor.submit({ id: 'long', kind: 'count', task: { to: 15, milliseconds: 100 } });
    const seen = await until(executor, (event) => event.kind === 'report' && event.id === 'long');
    await executor.cancel('long');
    seen.push(...(await until(executor, ({ kind }) => kind === 'cancelled')));
    expect(seen.filter(({ kind }) => kind === 'failed')).toEqual([
      { kind: 'failed', id: 'bad', message: 'It cannot count to less than 0.' },
    ]);
    await executor.resume('long');
    const rest = await until(executor, ({ kind }) => kind === 'done');
    expect(rest[0]).toMatchObject({ kind: 'started', attempt: 2 });
    expect(rest.at(-1)).toEqual({ kind: 'done', id: 'long', result: { count: 15 } });
    const told = [...seen, ...rest].flatMap((event) => (event.kind === 'report' ? [event.report] : []));
    expect(told).toEqual(Array.from({ length: 15 }, (_, i) => ({ count: i + 1 })));
    await worker.leave();
  });

  it('cancels what nobody has begun', async () => {
    const executor = await open('waiting');
    await executor.submit({ id: 'a', kind: 'count', task: { to: 1 } });
    await executor.cancel('a');
    expect(await until(executor, ({ kind }) => kind === 'cancelled')).toHaveLength(1);
    const worker = work();
    await executor.resume('a');
    expect((await until(executor, ({ kind }) => kind === 'done')).at(-1)).toMatchObject({ result: { count: 1 } });
    await worker.leave();
  });

  it('gives a job back when a worker leaves, and another goes on', async () => {
    const executor = await open('leaving');
    const first = work();
    await executor.submit({ id: 'a', kind: 'count', task: { to: 12, milliseconds: 50 } });
    const before = await until(executor, ({ kind }) => kind === 'report');
    await first.leave();
    const second = work();
    const after = await until(executor, ({ kind }) => kind === 'done');
    const told = [...before, ...after].flatMap((event) => (event.kind === 'report' ? [event.report] : []));
    expect(told).toEqual(Array.from({ length: 12 }, (_, i) => ({ count: i + 1 })));
    expect(after.filter(({ kind }) => kind === 'started')).toMatchObject([{ attempt: 2 }]);
    await second.leave();
  });

  it('loses nothing when the server is killed and comes back', async () => {
    const executor = await open('restart');
    const worker = work(2);
    await executor.submit({ id: 'a', kind: 'count', task: { to: 15, milliseconds: 100 } });
    const before = await until(executor, ({ kind }) => kind === 'report');
    await server.kill();
    await delay(1000);
    await server.start();
    const after = await until(executor, ({ kind }) => kind === 'done');
    expect(after.at(-1)).toEqual({ kind: 'done', id: 'a', result: { count: 15 } });
    const told = [...before, ...after].flatMap((event) =>
      event.kind === 'report' ? [JSON.stringify(event.report)] : [],
    );
    expect([...new Set(told)]).toHaveLength(15);
    await worker.leave();
  });

  it('refuses what is no job of ours', async () => {
    const address = parseQueueAddress(server.url);
    const { Queue } = await openBullmq(address);
    const queue = new Queue(queueName, { connection: address, prefix: queuePrefix });
    const worker = work();
    const task = { graft: 'job-1', name: 'x', id: '../../x', kind: 'count', task: {}, isCancelled: false };
    const ids = ['x~1', 'x~2', 'x~3'];
    await queue.add('count', 'text', { jobId: ids[0]! });
    await queue.add('count', task, { jobId: ids[1]! });
    await queue.add('count', { ...task, id: 'other' }, { jobId: ids[2]! });
    for (const id of ids) {
      while ((await queue.getJobState(id)) !== 'failed') await delay(50);
      expect((await queue.getJob(id))?.failedReason).toMatch(/not a job of this version/);
    }
    expect(worker.events.filter(({ kind }) => kind === 'started')).toEqual([]);
    await queue.close();
    await worker.leave();
  });
});

describe('the address of a queue', () => {
  it.each([
    ['redis://localhost:6379/', 'redis://localhost:6379'],
    ['rediss://me:secret@host', 'rediss://me@host'],
    ['postgres://me:secret@host:5432/graft', 'postgres://me@host:5432/graft'],
  ])('%s is shown without its password', (url, place) => {
    expect(parseQueueAddress(url).place).toBe(place);
  });

  it('is not repeated where it is none', () => {
    expect(() => parseQueueAddress('mysql://me:secret@host')).toThrow(/^(?!.*secret).*redis:\/\//);
  });

  it('where nobody answers is said without the password', async () => {
    const options = { store: {} as ObjectStore, root: '', name: 'x' };
    const opening = queueExecutor({ ...options, queue: 'postgres://me:secret@127.0.0.1:1/x' });
    await expect(opening).rejects.toThrow(
      /^The queue postgres:\/\/me@127.0.0.1:1\/x cannot be reached: .*ECONNREFUSED/,
    );
  });
});
