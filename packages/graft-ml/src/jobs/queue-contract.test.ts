import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { describeExecutor } from '../../../../test/executor-contract.ts';
import { ownCache, temporaryFolder } from '../../../../test/images.ts';
import { missingServer, startServer, type TestServer } from '../../../../test/queues.ts';
import { jobProcesses } from './job-process.ts';
import { openStore } from './open-store.ts';
import { queueExecutor } from './queue-executor.ts';
import { runWorker } from './queue-worker.ts';

ownCache();

describe.each(['redis', 'postgres'] as const)('%s', (engine) => {
  const missing = missingServer(engine);
  if (missing !== undefined) {
    test.skip(`is not tested here: ${missing}`, () => {});
    return;
  }
  const folder = temporaryFolder();
  const leaving = new AbortController();
  const processes = jobProcesses();
  const pids = new Map<string, number>();
  let server: TestServer;
  let worker: Promise<void>;

  beforeAll(async () => {
    server = await startServer(engine);
    const store = await openStore(join(folder, 'store'));
    await new Promise<void>((ready) => {
      worker = runWorker({
        ...{ queue: server.url, store, cache: join(folder, 'cache'), jobs: 2, signal: leaving.signal },
        doJob: (job, context) => processes.run(job, context, async (pid) => void pids.set(job.id, pid)),
        onEvent: ({ kind }) => kind === 'ready' && ready(),
      });
    });
  });
  afterAll(async () => {
    leaving.abort();
    await worker;
    processes.close();
    await server.remove();
  });

  describeExecutor(`workers at a queue in ${engine}`, {
    open: async (root) => {
      const store = await openStore(join(folder, 'store'));
      return queueExecutor({ queue: server.url, store, root, name: basename(root) });
    },
    processOf: async (_, id) => pids.get(id)!,
  });
});
