/** The process that does jobs, one after the other. Started by `job-process.ts`, always as the built file. */

import { UserError } from '@graft-ml/core/internal/base/errors';
import type { JobContext } from './job.ts';
import type { Call, FromProcess, ToProcess } from './job-process.ts';
import { jobKind } from './kinds.ts';
import type { ObjectStore } from './object-store.ts';

interface Asked {
  answer(value: unknown): void;
  refuse(error: Error): void;
}

const asked = new Map<number, Asked>();
let calls = 0;
let stopped = new AbortController();

// Without its keeper nobody knows what it does. What was saved last is in the store.
process.on('disconnect', () => process.exit(1));
// Ctrl-C reaches all processes of a terminal; the keeper says when to stop.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => {});

process.on('message', (message: ToProcess) => {
  if (message.kind === 'begin') void begin(message);
  if (message.kind === 'stop') stopped.abort();
  if (message.kind === 'answer') settle(message.call)?.answer(message.value);
  if (message.kind === 'refusal') settle(message.call)?.refuse(new UserError(message.message));
});

function settle(call: number): Asked | undefined {
  const found = asked.get(call);
  asked.delete(call);
  return found;
}

function tell(message: FromProcess): void {
  process.send?.(message);
}

async function ask(call: Call): Promise<unknown> {
  const number = calls++;
  const answer = new Promise<unknown>((resolve, reject) => {
    asked.set(number, { answer: resolve, refuse: reject });
  });
  tell({ kind: 'call', call: number, ...call });
  return answer;
}

async function begin({ job, folder, place }: Extract<ToProcess, { kind: 'begin' }>): Promise<void> {
  stopped = new AbortController();
  try {
    const handler = await jobKind(job.kind).load();
    const task = handler.task.safeParse(job.task);
    if (!task.success) throw new UserError(`The task of ${job.id} is not one of this version of Graft.`);
    const context: JobContext<unknown> = {
      id: job.id,
      folder,
      store: storeOfKeeper(place),
      signal: stopped.signal,
      report: (report) => tell({ kind: 'report', report: handler.report.parse(report) }),
      saved: async () => void (await ask({ method: 'saved', parameters: [] })),
      data: async (reference, files) => String(await ask({ method: 'data', parameters: [reference, files] })),
    };
    const result = await handler.run(task.data, context);
    tell({ kind: 'end', result: result === null ? null : handler.result.parse(result) });
  } catch (error) {
    const isSaid = error instanceof UserError;
    tell({ kind: 'failure', message: isSaid ? error.message : String(error instanceof Error ? error.stack : error) });
  }
}

/** The store of the process that keeps the jobs, which alone has the key to it. */
function storeOfKeeper(place: string): ObjectStore {
  return {
    place,
    put: async (key, content) => void (await ask({ method: 'put', parameters: [key, content] })),
    async get(key, most) {
      const content = await ask({ method: 'get', parameters: [key, most] });
      return content instanceof Uint8Array ? content : null;
    },
    has: async (key) => (await ask({ method: 'has', parameters: [key] })) === true,
    async *list(prefix) {
      const keys = await ask({ method: 'list', parameters: [prefix] });
      if (Array.isArray(keys)) yield* keys.map(String);
    },
    remove: async (key) => void (await ask({ method: 'remove', parameters: [key] })),
  };
}
