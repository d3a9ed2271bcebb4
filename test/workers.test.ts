import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { openStore } from 'graft-ml/internal/jobs/open-store';
import { queueExecutor } from 'graft-ml/internal/jobs/queue-executor';
import { readRun } from 'graft-ml/internal/runs/read-run';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { graft, startGraft, written } from './graft.ts';
import { drawImages, ownCache, temporaryFolder } from './images.ts';
import { missingServer, startServer, type TestServer } from './queues.ts';
import { expectSameRun, runFolder, smallRun } from './runs.ts';

ownCache();
const missing = missingServer('redis');
const root = temporaryFolder();
const shapes = join(root, 'shapes');

describe.skipIf(missing !== undefined)(`graft worker${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let server: TestServer;
  const workers: ReturnType<typeof startGraft>['child'][] = [];
  beforeAll(async () => {
    server = await startServer('redis');
    await drawImages(shapes, { perClass: 16 });
  });
  afterAll(async () => {
    for (const worker of workers) worker.kill('SIGKILL');
    await server?.remove();
  });

  function startWorker(name: string, more: readonly string[] = []) {
    const place = ['--queue', server.url, '--store', join(root, 'store'), '--cache', join(root, name)];
    const worker = startGraft(['worker', ...place, '--patience', '2', ...more]);
    workers.push(worker.child);
    return worker;
  }

  test('that is killed leaves its run to another, which ends it bit for bit', async () => {
    const config = { ...smallRun, epochs: 12 };
    const whole = join(root, 'whole');
    await runFolder(shapes, whole, config);
    const { choices, best } = await readRun(whole);

    const out = join(root, 'study');
    const store = await openStore(join(root, 'store'));
    await using executor = await queueExecutor({ queue: server.url, store, root: out, name: 'study' });
    await executor.submit({
      id: 'trial-0000',
      kind: 'train',
      task: { data: { path: shapes, sha256: null }, config, choices },
    });
    const first = startWorker('first');
    let second: ReturnType<typeof startWorker> | undefined;
    const attempts: number[] = [];
    let result: unknown;
    for await (const event of executor.events()) {
      if (event.kind === 'started') attempts.push(event.attempt);
      if (event.kind === 'failed') throw new Error(event.message);
      if (event.kind === 'report' && second === undefined) {
        first.child.kill('SIGKILL');
        second = startWorker('second');
      }
      if (event.kind !== 'done') continue;
      result = event.result;
      break;
    }
    expect(attempts).toEqual([1, 2]);
    expect(result).toMatchObject({ best });
    const trained = await executor.folder('trial-0000');
    expect(trained).toBe(join(out, 'trial-0000'));
    expectSameRun(whole, trained);
    // It is this user's run, with the dataset where it was submitted from.
    expect((await readRun(trained)).folder).toBe(shapes);
    expect((await graft(['evaluate', trained, shapes])).status).toBe(0);

    second!.child.kill('SIGTERM');
    const { status, stdout } = await second!.done;
    expect([status, stdout]).toEqual([0, 'Jobs: 1 done.\n']);
    expect(readdirSync(join(root, 'second', 'jobs'))).toEqual([]);
  });

  test('gives its job back on SIGTERM', async () => {
    const store = await openStore(join(root, 'store'));
    await using executor = await queueExecutor({ queue: server.url, store, root: join(root, 'back'), name: 'back' });
    const config = { ...smallRun, epochs: 200 };
    await executor.submit({ id: 'a', kind: 'train', task: { data: { path: shapes, sha256: null }, config } });
    const worker = startWorker('third', ['--json']);
    await written(worker.child, 'epoch 1,');
    worker.child.kill('SIGTERM');
    const { status, stdout, stderr } = await worker.done;
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ jobs: { done: 0, 'given-back': 1 } });
    expect(stderr).toMatch(/a: given back after/);
    await executor.cancel('a');
    for await (const { kind } of executor.events()) if (kind === 'cancelled') break;
  });

  test('says what is missing', async () => {
    expect((await graft(['worker'])).stderr).toMatch(/--queue redis:/);
    expect((await graft(['worker', '--queue', server.url])).stderr).toMatch(/--store FOLDER/);
    const lost = await graft(['worker', '--queue', 'redis://me:secret@127.0.0.1:1', '--store', root]);
    expect([lost.status, lost.stderr]).toEqual([1, expect.stringMatching(/^(?!.*secret).*cannot be reached/s)]);
  });
});
