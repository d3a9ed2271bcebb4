/*
 * One computation on several processes: the features of a dataset in shards, and the tasks of meta-batches, each by one
 * process and by workers that take jobs from a queue in Redis, with a store that speaks S3. The runs must be the same
 * files; what is measured is the time, and the bytes that went through the store.
 *   npm run build && node dist/bench/distribute.js --images FOLDER --weights FILE --episodes FOLDER [--workers 2]
 * The results in bench/results/distribute.json come from trashnet_600 with SqueezeNet 1.1 and from Omniglot.
 */
import { fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { folderCache } from 'graft-ml/internal/cache/folder-cache';
import { extractElsewhere } from 'graft-ml/internal/jobs/extract';
import { type Farm, openFarm } from 'graft-ml/internal/jobs/farm';
import { featuresHandler } from 'graft-ml/internal/jobs/features';
import type { JobHandler } from 'graft-ml/internal/jobs/job';
import { metaTasksHandler } from 'graft-ml/internal/jobs/meta-tasks';
import { queueExecutor } from 'graft-ml/internal/jobs/queue-executor';
import { runWorker } from 'graft-ml/internal/jobs/queue-worker';
import { bucketStore } from 'graft-ml/internal/jobs/s3-store';
import { shipData } from 'graft-ml/internal/jobs/shipped-data';
import { tasksElsewhere } from 'graft-ml/internal/jobs/tasks';
import { trainMeta } from 'graft-ml/internal/meta/train-meta';
import { trainFolder } from 'graft-ml/internal/transfer/train-folder';
import S3rver from 's3rver';
import { startServer } from '../test/queues.ts';

const { values } = parseArgs({
  options: {
    images: { type: 'string' },
    weights: { type: 'string' },
    episodes: { type: 'string' },
    workers: { type: 'string', default: '2' },
    steps: { type: 'string', default: '12' },
    worker: { type: 'string' },
  },
});
const scratch = values.worker ? '' : mkdtempSync(join(tmpdir(), 'graft-distribute-'));
process.env.AWS_ACCESS_KEY_ID = 'S3RVER';
process.env.AWS_SECRET_ACCESS_KEY = 'S3RVER';

/** What a worker is told: where queue and store are, and its own folder. */
interface WorkerOrder {
  readonly queue: string;
  readonly endpoint: string;
  readonly cache: string;
}

if (values.worker) await work(JSON.parse(values.worker) as WorkerOrder);
else await compare();

/** Takes jobs until it is killed. */
async function work({ queue, endpoint, cache }: WorkerOrder): Promise<void> {
  process.env.GRAFT_CACHE = join(cache, 'own');
  const handlers: Readonly<Record<string, JobHandler>> = { features: featuresHandler, 'meta-tasks': metaTasksHandler };
  const stop = new AbortController();
  process.once('disconnect', () => stop.abort());
  await runWorker({
    ...{ queue, cache, jobs: 1, signal: stop.signal },
    store: await bucketStore({ bucket: 'distribute', prefix: '' }, { endpoint }),
    async doJob({ kind, task }, context) {
      const handler = handlers[kind]!;
      return handler.run(handler.task.parse(task), context);
    },
  });
  process.exit();
}

/** Files of two runs are the same bytes; of the log all but the times. */
function isSameRun(a: string, b: string): boolean {
  const same = ['best.safetensors', 'last.safetensors'].every((name) =>
    readFileSync(join(a, name)).equals(readFileSync(join(b, name))),
  );
  const log = (out: string) => readFileSync(join(out, 'metrics.jsonl'), 'utf8').replaceAll(/"seconds":[\d.e+-]+/g, '');
  return same && log(a) === log(b);
}

interface Measured {
  /** From the first job to the last result; of meta-steps each. */
  readonly seconds: number;
  readonly sent: number;
  readonly received: number;
}

async function compare(): Promise<void> {
  const { images, weights, episodes } = values;
  if (!images || !weights || !episodes) throw new Error('usage: --images FOLDER --weights FILE --episodes FOLDER');
  const directory = join(scratch, 's3');
  const configureBuckets = [{ name: 'distribute', configs: [] }];
  const bucket = new S3rver({ port: 0, address: '127.0.0.1', silent: true, directory, configureBuckets });
  const { port } = await bucket.run();
  const endpoint = `http://127.0.0.1:${port}`;
  const redis = await startServer('redis');
  const workers = Array.from({ length: Number(values.workers) }, (_, i) => {
    const order: WorkerOrder = { queue: redis.url, endpoint, cache: join(scratch, `worker-${i}`) };
    return fork(fileURLToPath(import.meta.url), ['--worker', JSON.stringify(order)]);
  });
  const store = await bucketStore({ bucket: 'distribute', prefix: '' }, { endpoint });
  const executor = await queueExecutor({ queue: redis.url, store, root: join(scratch, 'jobs'), name: 'distribute' });
  const shipped = { bytes: 0 };
  const counting = {
    ...store,
    put: (key: string, content: Uint8Array) => {
      if (key.startsWith('data/')) shipped.bytes += content.length;
      return store.put(key, content);
    },
  };
  const farm = openFarm({ executor, store, ship: (path) => shipData(counting, path) });
  try {
    await untilThere(farm, workers.length);
    const features = await compareFeatures(farm, images, weights);
    const tasks = await compareTasks(farm, episodes);
    const machine = `${cpus()[0]?.model.trim()}, ${cpus().length} cores`;
    const result = {
      machine,
      date: new Date().toISOString().slice(0, 10),
      load: loadavg()[0],
      workers: workers.length,
      shipped: shipped.bytes,
      features,
      tasks,
    };
    writeFileSync(
      fileURLToPath(new URL('../../bench/results/distribute.json', import.meta.url)),
      `${JSON.stringify(result, null, 1)}\n`,
    );
    console.log(JSON.stringify(result, null, 1));
  } finally {
    for (const worker of workers) worker.disconnect();
    await executor.close();
    await redis.remove();
    await bucket.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** All workers have come. */
async function untilThere(farm: Farm, count: number): Promise<void> {
  while ((await farm.concurrency()) < count) await new Promise((resolve) => setTimeout(resolve, 500));
}

function meter() {
  const total = { sent: 0, received: 0 };
  return {
    total,
    onTraffic: ({ sent, received }: { readonly sent: number; readonly received: number }) => {
      total.sent += sent;
      total.received += received;
    },
  };
}

/** A probe on frozen layers, whose features are made by one process and by the workers. */
async function compareFeatures(farm: Farm, images: string, weights: string) {
  const config = { model: 'squeezenet1_1', weights, strategy: 'feature-extraction', epochs: 3, threads: 1 } as const;
  const train = async (name: string, extract?: ReturnType<typeof extractElsewhere>): Promise<number> => {
    let [first, last] = [0, 0];
    const options = {
      out: join(scratch, name),
      cache: folderCache(join(scratch, `${name}-cache`)),
      ...(extract && { extract }),
      onPreparation({ stage, done, total }: { readonly stage: string; readonly done: number; readonly total: number }) {
        if (stage !== 'extracting features') return;
        if (done === total) last = performance.now();
      },
    };
    for await (const event of trainFolder(images, config, options)) {
      if (event.kind === 'ready') first = performance.now();
    }
    return (last - first) / 1000;
  };
  const alone = await train('alone');
  const { total, onTraffic } = meter();
  const farmed: Measured = { seconds: await train('farmed', extractElsewhere(farm, { onTraffic })), ...total };
  return { isSame: isSameRun(join(scratch, 'alone'), join(scratch, 'farmed')), alone, farmed: { ...farmed, ...total } };
}

/** Steps of MAML on Omniglot, whose tasks are done in one thread, in two of one process, and by the workers. */
async function compareTasks(farm: Farm, episodes: string) {
  const steps = Number(values.steps);
  const shape = { way: 5, shots: 1, queries: 15, metaBatch: 8, innerSteps: 5 } as const;
  const run = {
    metaSteps: steps,
    validateEvery: steps,
    episodes: 20,
    split: { classes: { train: 1000, validation: 100, test: 100 } },
  };
  const measure = async (name: string, threads: number, farmed?: Farm) => {
    const { total, onTraffic } = meter();
    const tasks = farmed && tasksElsewhere(farmed, { onTraffic });
    const times: number[] = [];
    let since = 0;
    const config = { learner: 'maml', model: 'conv4', imageSize: 28, ...shape, ...run, threads } as const;
    for await (const { kind } of trainMeta(episodes, config, { out: join(scratch, name), ...(tasks && { tasks }) })) {
      if (kind === 'step') times.push((performance.now() - since) / 1000);
      since = performance.now();
    }
    // The first has what is done once: workers open the dataset and compile.
    const later = times.slice(1).sort((a, b) => a - b);
    return {
      first: times[0],
      median: later[Math.floor(later.length / 2)],
      sent: total.sent / steps,
      received: total.received / steps,
    };
  };
  const one = await measure('one-thread', 1);
  const two = await measure('two-threads', 2);
  const farmed = await measure('workers', 1, farm);
  const isSame = ['two-threads', 'workers'].every((name) =>
    isSameRun(join(scratch, 'one-thread'), join(scratch, name)),
  );
  return { isSame, ...shape, steps, one, two, farmed };
}
