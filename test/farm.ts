import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Executor, JobEvent } from 'graft-ml/internal/jobs/executor';
import { type Farm, openFarm } from 'graft-ml/internal/jobs/farm';
import type { Job, JobHandler } from 'graft-ml/internal/jobs/job';
import type { ObjectStore } from 'graft-ml/internal/jobs/object-store';

/** A store in memory. */
export function memoryStore(): ObjectStore & { readonly objects: Map<string, Uint8Array> } {
  const objects = new Map<string, Uint8Array>();
  return {
    objects,
    place: 'memory',
    put: async (key, content) => void objects.set(key, content.slice()),
    get: async (key) => objects.get(key)?.slice() ?? null,
    has: async (key) => objects.has(key),
    async *list(prefix) {
      yield* [...objects.keys()].filter((key) => key.startsWith(prefix)).sort();
    },
    remove: async (key) => void objects.delete(key),
  };
}

/** A farm whose jobs are done by this process, so many at once, with tasks and results as JSON. */
export function farmHere(
  handlers: Readonly<Record<string, JobHandler>>,
  { folder, store = memoryStore(), atOnce = 2 }: { folder: string; store?: ObjectStore; atOnce?: number },
): { readonly farm: Farm; readonly jobs: Job[]; close(): Promise<void> } {
  const jobs: Job[] = [];
  const told: JobEvent[] = [];
  let wake = () => {};
  let isClosed = false;
  const tell = (event: JobEvent) => {
    told.push(event);
    wake();
  };
  const controllers = new Map<string, AbortController>();
  const perform = async ({ id, kind, task }: Job) => {
    const handler = handlers[kind]!;
    const controller = new AbortController();
    controllers.set(id, controller);
    const own = join(folder, id);
    mkdirSync(own, { recursive: true });
    try {
      const parsed = handler.task.parse(JSON.parse(JSON.stringify(task)));
      const result = await handler.run(parsed, {
        id,
        folder: own,
        store,
        signal: controller.signal,
        report: (report) => tell({ kind: 'report', id, report }),
        saved: async () => {},
        data: async ({ path }) => path,
      });
      if (result === null) tell({ kind: 'cancelled', id });
      else tell({ kind: 'done', id, result: JSON.parse(JSON.stringify(result)) });
    } catch (error) {
      tell({ kind: 'failed', id, message: (error as Error).message });
    }
  };
  const executor: Executor = {
    concurrency: async () => atOnce,
    async submit(job) {
      jobs.push(job);
      void perform(job);
    },
    async *events() {
      for (let next = 0; ; ) {
        while (next < told.length) yield told[next++]!;
        if (isClosed) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    cancel: async (id) => controllers.get(id)?.abort(),
    resume: async (id) => void perform(jobs.find((job) => job.id === id)!),
    folder: async (id) => join(folder, id),
    close: async () => {
      isClosed = true;
      wake();
    },
    [Symbol.asyncDispose]: async () => {},
  };
  return { farm: openFarm({ executor, store, ship: null }), jobs, close: () => executor.close() };
}
