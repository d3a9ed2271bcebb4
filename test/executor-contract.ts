import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { Executor, JobEvent } from 'graft-ml/internal/jobs/executor';
import type { Job } from 'graft-ml/internal/jobs/job';
import { readRun } from 'graft-ml/internal/runs/read-run';
import { beforeAll, describe, expect, test } from 'vitest';
import { drawImages, temporaryFolder } from './images.ts';
import { expectSameRun, runFolder, smallRun } from './runs.ts';

/** An executor as the contract opens it. */
export interface ContractSubject {
  /** Opens one whose folders of jobs are below `root`, and which does two jobs at once. */
  open(root: string): Promise<Executor>;
  /** The process that does a job now. */
  processOf(root: string, id: string): Promise<number>;
}

/** A training of eight epochs that has nothing to wait for, and the run that it is to end as. */
export interface ContractRun {
  readonly shapes: string;
  readonly whole: string;
  job(id: string): Job;
}

/** A run to compare with: trained in this process, without any executor. */
export async function contractRun(root: string): Promise<ContractRun> {
  const [shapes, whole] = [join(root, 'shapes'), join(root, 'whole')];
  await drawImages(shapes, { perClass: 8, side: 16 });
  const config = { ...smallRun, imageSize: 16, epochs: 8 };
  await runFolder(shapes, whole, config);
  const { choices } = await readRun(whole);
  const job = (id: string) => ({ id, kind: 'train', task: { data: { path: shapes, sha256: null }, config, choices } });
  return { shapes, whole, job };
}

/** The events of an executor until the jobs of these names have ended; `onEvent` may act on each. */
export async function untilEnded(
  executor: Executor,
  ids: readonly string[],
  onEvent: (event: JobEvent) => Promise<void> | void = () => {},
): Promise<JobEvent[]> {
  const seen: JobEvent[] = [];
  const open = new Set(ids);
  for await (const event of executor.events()) {
    seen.push(event);
    if (['done', 'failed', 'cancelled'].includes(event.kind)) open.delete(event.id);
    await onEvent(event);
    if (open.size === 0) return seen;
  }
  throw new Error(`It was closed before ${[...open]} had ended.`);
}

/** The promises of every executor, on real trainings. */
export function describeExecutor(name: string, { open, processOf }: ContractSubject): void {
  describe(`an executor: ${name}`, () => {
    const folder = temporaryFolder();
    const newRoot = () => mkdtemp(join(folder, 'jobs-'));
    let run: ContractRun;
    beforeAll(async () => {
      run = await contractRun(folder);
    });

    test('does jobs, tells what happens to each in its order, and once more to who submits it again', async () => {
      const root = await newRoot();
      const lost = { ...run.job('lost'), task: { data: { path: join(folder, 'nowhere'), sha256: null }, config: {} } };
      const first = await open(root);
      expect(await first.concurrency()).toBe(2);
      await first.submit(run.job('a'));
      await first.submit(run.job('a'));
      await first.submit(lost);
      await expect(first.submit({ ...run.job('a'), task: {} })).rejects.toThrow(/[Aa]nother job/);
      await expect(first.submit(run.job('../a'))).rejects.toThrow('cannot be the id of a job');
      const events = await untilEnded(first, ['a', 'lost']);
      const { best, parameters } = await readRun(run.whole);
      const ofA = events.filter(({ id }) => id === 'a');
      expect(ofA).toEqual([
        { kind: 'started', id: 'a', attempt: 1, worker: expect.any(String) },
        ...Array.from({ length: 8 }, (_, i) => ({
          kind: 'report',
          id: 'a',
          report: expect.objectContaining({ kind: 'evaluation', epoch: i + 1 }),
        })),
        { kind: 'done', id: 'a', result: { best, parameters } },
      ]);
      expect(events.filter(({ kind }) => kind === 'failed')).toEqual([
        { kind: 'failed', id: 'lost', message: expect.stringMatching(/^\S*nowhere.*[^)]$/) },
      ]);
      expectSameRun(await first.folder('a'), run.whole);
      await first.close();

      await using second = await open(root);
      await second.submit(run.job('a'));
      expect(await untilEnded(second, ['a'])).toEqual(ofA);
    });

    test('a job that is cancelled, and one whose process is killed, end bit for bit as if they had not been', async () => {
      const root = await newRoot();
      await using executor = await open(root);
      for (const id of ['cancelled', 'killed']) await executor.submit(run.job(id));
      let isKilled = false;
      const events = await untilEnded(executor, ['cancelled', 'killed'], async ({ id, kind }) => {
        if (kind !== 'report') return;
        if (id === 'cancelled') await executor.cancel(id);
        else if (!isKilled) {
          isKilled = true;
          process.kill(await processOf(root, id), 'SIGKILL');
        }
      });
      expect(
        events
          .filter(({ kind }) => kind === 'cancelled' || kind === 'done')
          .map(({ id }) => id)
          .sort(),
      ).toEqual(['cancelled', 'killed']);
      const attempts = (id: string, told: readonly JobEvent[]) =>
        told.flatMap((event) => (event.kind === 'started' && event.id === id ? [event.attempt] : []));
      expect(attempts('killed', events)).toEqual([1, 2]);
      expectSameRun(await executor.folder('killed'), run.whole);

      expect(events.find(({ id, kind }) => id === 'cancelled' && kind === 'done')).toBeUndefined();
      expect(existsSync(join(await executor.folder('cancelled'), 'last.safetensors'))).toBe(true);
      expect((await readRun(await executor.folder('cancelled'))).status).toBe('interrupted');
      await executor.resume('cancelled');
      const rest = await untilEnded(executor, ['cancelled']);
      expect(attempts('cancelled', rest)).toEqual([2]);
      expect(rest.at(-1)!.kind).toBe('done');
      expectSameRun(await executor.folder('cancelled'), run.whole);
    });

    test('a job that is cancelled before its first step has not failed, and can be resumed', async () => {
      await using executor = await open(await newRoot());
      await executor.submit(run.job('a'));
      const cancel = ({ kind }: JobEvent) => (kind === 'started' ? executor.cancel('a') : undefined);
      expect((await untilEnded(executor, ['a'], cancel)).at(-1)).toEqual({ kind: 'cancelled', id: 'a' });
      await executor.resume('a');
      expect((await untilEnded(executor, ['a'])).at(-1)!.kind).toBe('done');
      expectSameRun(await executor.folder('a'), run.whole);
    });
  });
}
