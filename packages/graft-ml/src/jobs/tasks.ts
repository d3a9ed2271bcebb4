import { randomUUID } from 'node:crypto';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { numbersOf, type Tensor, type Tensors } from '@graft-ml/core/internal/base/tensor';
import { taskNames } from '@graft-ml/core/internal/meta/index';
import type { EpisodeAddress, TaskCall } from '@graft-ml/core/internal/meta/task-program';
import type { TasksElsewhere } from '@graft-ml/core/internal/runs/meta-training';
import { readSafetensors, writeSafetensors } from '@graft-ml/core/internal/weights/safetensors';
import type { Farm } from './farm.ts';
import { type MetaTasksTask, metaTasksHandler, outputName, type SharedTaskWork } from './meta-tasks.ts';
import type { Traffic } from './shards.ts';
import { contentHash, shareProgram } from './shared-program.ts';

/** Options of `tasksElsewhere`. */
export interface TasksOptions {
  /** Cancels the jobs, and ends with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Hears how many bytes a step, or a part of a validation, took between here and the store. */
  readonly onTraffic?: ((traffic: Traffic) => void) | undefined;
}

/**
 * Does the tasks of meta-steps and validations on a farm: each of its workers takes an equal share of a step's tasks. A
 * worker is sent the graph, the dataset and, in each step, the values; it draws its episodes itself, and sends back the
 * gradients of each task, which are summed here in the order of the tasks. So the run is that of one process, to the
 * bit. It pays where a step computes for longer than that takes.
 *
 * @example for await (const event of trainMeta('omniglot', { learner: 'maml' }, { out: 'runs/x', tasks: tasksElsewhere(farm) })) …
 */
export function tasksElsewhere(farm: Farm, options: TasksOptions = {}): TasksElsewhere {
  const { store } = farm;
  return ({ folder, config, preprocessing, fingerprint }) =>
    async ({ outputs, shared, runtime, side, shape }) => {
      const traffic = { sent: 0, received: 0 };
      const graph = await runtime.encode(outputs);
      const { program, sent } = await shareProgram(store, graph, { threads: 1, isOptimized: false });
      const work: SharedTaskWork = { program, episodes: { config, preprocessing, fingerprint }, side, shape };
      const key = await putJson(store, 'tasks/work', work);
      options.onTraffic?.({ sent, received: 0 });
      const names = [...shared].filter((name) => graph.inputs.has(name));
      const origin = { work: key, data: await farm.reference(folder) };
      // A queue remembers jobs, and this process may have been killed before it had taken what they made.
      const session = randomUUID().slice(0, 8);
      return {
        async run(call) {
          Object.assign(traffic, { sent: 0, received: 0 });
          const results = await shareOut(farm, { ...origin, names, session, traffic }, call, options.signal);
          options.onTraffic?.({ ...traffic });
          return results;
        },
        release: async () => {},
        [Symbol.asyncDispose]: async () => {},
      };
    };
}

interface Origin extends Pick<MetaTasksTask, 'work' | 'data'> {
  /** The inputs that all tasks have in common. */
  readonly names: readonly string[];
  readonly session: string;
  readonly traffic: { sent: number; received: number };
}

/** The results of a call's tasks, each worker's share of them in a job. */
async function shareOut(
  farm: Farm,
  { work, data, names, session, traffic }: Origin,
  { values, addresses, common }: TaskCall,
  signal: AbortSignal | undefined,
): Promise<Record<string, Tensor>[]> {
  const { store } = farm;
  const content = writeSafetensors(Object.fromEntries(names.map((name) => [name, values[name]!])));
  const at = `tasks/values/${contentHash(content)}.safetensors`;
  await store.put(at, content);
  traffic.sent += content.length;
  const weights = common?.[taskNames.stepWeights];
  const stepWeights = weights ? numbersOf(weights) : null;
  const stop = new AbortController();
  const asked = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const shares = divided(addresses, await farm.concurrency());
  const done = shares.map(async (own) => {
    const part = { work, data, values: at, addresses: own, stepWeights };
    const hash = contentHash(JSON.stringify(part));
    const task: MetaTasksTask = { ...part, results: `tasks/results/${hash}.safetensors` };
    const id = `meta-tasks-${session}-${hash.slice(0, 24)}`;
    await farm.result({ id, kind: 'meta-tasks', task }, metaTasksHandler.result, asked);
    const bytes = await store.get(task.results);
    if (!bytes) throw new UserError(`${store.place}: ${task.results} is not there, though its job is done.`);
    traffic.received += bytes.length;
    const { tensors } = readSafetensors(bytes);
    await store.remove(task.results);
    return own.map((_, place) => outputsOf(tensors, place));
  });
  try {
    return (await Promise.all(done)).flat();
  } finally {
    stop.abort(new Error('meta-tasks: another share of the step failed'));
    await Promise.allSettled(done);
    await store.remove(at);
  }
}

/** The outputs of the task at a place. */
function outputsOf(tensors: Tensors, place: number): Record<string, Tensor> {
  const prefix = outputName(place, '');
  const own = Object.entries(tensors).filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(own.map(([name, value]) => [name.slice(prefix.length), value]));
}

/** Contiguous shares, as equal as can be. */
function divided(addresses: readonly EpisodeAddress[], parts: number): (readonly EpisodeAddress[])[] {
  const count = Math.max(1, Math.min(parts, addresses.length));
  const start = (part: number) => Math.floor((part * addresses.length) / count);
  return Array.from({ length: count }, (_, part) => addresses.slice(start(part), start(part + 1)));
}

async function putJson(store: Farm['store'], place: string, value: object): Promise<string> {
  const content = new TextEncoder().encode(JSON.stringify(value));
  const key = `${place}/${contentHash(content)}.json`;
  await store.put(key, content);
  return key;
}
