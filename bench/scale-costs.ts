import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { f32, randomStream, zeros } from '@graft-ml/core';
import { createTrainer } from '@graft-ml/core/fit';
import { constant } from '@graft-ml/core/graph';
import { prefixGraph } from '@graft-ml/core/internal/fit/cut';
import { labelTensor } from '@graft-ml/core/internal/fit/source';
import { feedNames } from '@graft-ml/core/internal/fit/step';
import { backboneEndpoint, imageNetPreprocessing } from '@graft-ml/core/internal/models/index';
import { readSafetensors, writeSafetensors } from '@graft-ml/core/internal/weights/safetensors';
import { openFeatures } from 'graft-ml/internal/cache/features';
import { createImagePool } from 'graft-ml/internal/data/image-pool';
import type { ObjectStore } from 'graft-ml/internal/jobs/object-store';
import { openBullmq, openQueue, parseQueueAddress } from 'graft-ml/internal/jobs/queue-connection';
import { queueExecutor } from 'graft-ml/internal/jobs/queue-executor';
import { queueKey } from 'graft-ml/internal/jobs/queue-messages';
import { runWorker } from 'graft-ml/internal/jobs/queue-worker';
import { bucketStore } from 'graft-ml/internal/jobs/s3-store';
import { createRuntime } from 'graft-ml/internal/runtime/index';
import { loadModel } from 'graft-ml/internal/transfer/load-model';
import Database from 'libsql';
import S3rver from 's3rver';
import sharp from 'sharp';
import { missingServer, startServer } from '../test/queues.ts';

/** What one machine does in what time, measured on the machine that runs this. */
export interface UnitCosts {
  readonly machine: string;
  readonly date: string;
  /** The machine's load at the beginning. */
  readonly load: number;
  /** A JPEG of 500 x 375: its bytes, and the milliseconds of a processor from the file to 224 x 224 bytes. */
  readonly image: { readonly bytes: number; readonly decode: number };
  /** Milliseconds of a processor for one image of a batch of 16: through the backbone, and for a step of fine-tuning. */
  readonly models: Readonly<
    Record<
      string,
      { readonly features: number; readonly step: number; readonly width: number; readonly parameters: number }
    >
  >;
  /**
   * A job that does nothing, in milliseconds: from its submission to its end, alone; of the processor, as one of many;
   * and one operation of the queue's server among many at once.
   */
  readonly jobs: Readonly<
    Record<string, { readonly alone: number; readonly among: number; readonly operation: number }>
  >;
  /**
   * Objects of 16 MiB, in MB a second, and requests for small ones a second, where server and client have one processor
   * together.
   */
  readonly stores: Readonly<Record<string, { readonly put: number; readonly get: number; readonly requests: number }>>;
  /** Rows a second that SQLite takes, each in a transaction of its own, on the disk. */
  readonly rows: number;
  /** Milliseconds in which a submitter puts the features of a shard, 512 rows of 512, into its cache. */
  readonly shard: number;
}

const batchSize = 16;
/** Each is measured so often, and the fastest counts: a busy machine can only be slower. */
const repetitions = 5;

async function fastest(
  work: () => Promise<unknown>,
  count = repetitions,
  clock = () => performance.now(),
): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i <= count; i++) {
    const start = clock();
    await work();
    if (i > 0) best = Math.min(best, clock() - start);
  }
  return best;
}

/** Milliseconds of processor time: what one thread takes, whatever else the machine does. */
const cheapest = (work: () => Promise<unknown>, count = repetitions) =>
  fastest(work, count, () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  });

/** Measures all of it, in some minutes. */
export async function measureCosts(models: readonly string[]): Promise<UnitCosts> {
  const folder = mkdtempSync(join(tmpdir(), 'graft-scale-'));
  const load = loadavg()[0]!;
  try {
    return {
      machine: `${cpus()[0]?.model.trim()}, ${cpus().length} cores`,
      date: new Date().toISOString().slice(0, 10),
      load,
      image: await imageCost(folder),
      models: Object.fromEntries(await inTurn(models, async (name) => [name, await modelCost(name)] as const)),
      jobs: Object.fromEntries(await inTurn(['redis', 'postgres'] as const, jobCost.bind(null, folder)).then(whole)),
      stores: { s3rver: await bucketCost(folder, storeCost) },
      rows: await rowCost(join(folder, 'rows.db')),
      shard: await shardCost(join(folder, 'cache')),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function inTurn<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const item of items) results.push(await work(item));
  return results;
}

const whole = <T>(list: readonly (T | null)[]) => list.flatMap((each) => (each === null ? [] : [each]));

/** Photographs are larger than noise; this is a smooth image with some of it, at the quality that cameras use. */
async function imageCost(folder: string): Promise<UnitCosts['image']> {
  const [width, height] = [500, 375];
  const stream = randomStream(0, 'photograph');
  const raw = Uint8Array.from({ length: 3 * width * height }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    return 128 + 60 * Math.sin(x / 31 + (i % 3)) * Math.cos(y / 23) + 40 * (stream.uniform() - 0.5);
  });
  const file = join(folder, 'photograph.jpg');
  const { size } = await sharp(raw, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 90 })
    .toFile(file);
  const pool = createImagePool({ threads: 1 });
  try {
    const request = { kind: 'evaluation', preprocessing: imageNetPreprocessing } as const;
    const views = () => Promise.all(Array.from({ length: batchSize }, () => pool.view(file, request, 224)));
    return { bytes: size, decode: (await cheapest(views)) / batchSize };
  } finally {
    await pool.close();
  }
}

async function modelCost(name: string): Promise<UnitCosts['models'][string]> {
  const runtime = createRuntime({ threads: 1 });
  const model = await loadModel(name, { numClasses: 10, weights: null, runtime });
  const { network, variables } = model;
  const graph = prefixGraph(network, backboneEndpoint, batchSize, (of) => constant(variables[of.name]!, of.name));
  await using program = await runtime.compile({ features: graph });
  const inputs = zeros('u8', [batchSize, ...network.input.shape]);
  const features = (await cheapest(() => program.run({ [feedNames.input]: inputs }))) / batchSize;
  await using trainer = createTrainer(model);
  const targets = labelTensor(Array.from({ length: batchSize }, (_, i) => i % 10));
  const step = (await cheapest(() => trainer.step({ inputs, targets }), 2)) / batchSize;
  const parameters = model.parameters().reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  return { features, step, width: graph.shape.slice(1).reduce((a, b) => a * b, 1), parameters };
}

/** Jobs that do nothing, of a worker in this process over a store in a bucket; null where there is no such server. */
async function jobCost(folder: string, engine: 'redis' | 'postgres') {
  if (missingServer(engine) !== undefined) return null;
  const server = await startServer(engine);
  try {
    return await bucketCost(folder, async (store) => {
      const stop = new AbortController();
      const address = parseQueueAddress(server.url);
      const options = { queue: server.url, store };
      const working = runWorker({
        ...options,
        ...{ cache: join(folder, `${engine}-worker`), jobs: 4, signal: stop.signal, doJob: async () => ({}) },
      });
      const executor = await queueExecutor({ ...options, root: join(folder, engine), name: 'nothing' });
      const ended = new Map<string, () => void>();
      const listening = (async () => {
        for await (const event of executor.events()) if (event.kind === 'done') ended.get(event.id)?.();
      })();
      let count = 0;
      const one = async () => {
        const id = `job-${count++}`;
        const done = new Promise<void>((resolve) => ended.set(id, resolve));
        await executor.submit({ id, kind: 'nothing', task: {} });
        await done;
      };
      const alone = await fastest(one, 10);
      const many = 100;
      const among = (await cheapest(() => Promise.all(Array.from({ length: many }, one)), 2)) / many;
      const queue = await openQueue(await openBullmq(address), address, () => {});
      const asked = 1000;
      const ask = () => Promise.all(Array.from({ length: asked }, () => queue.getJob(queueKey('nothing', 'job-0'))));
      const operation = (await cheapest(ask, 3)) / asked;
      await queue.close();
      await executor.close();
      await listening;
      stop.abort();
      await working;
      return [engine, { alone, among, operation }] as const;
    });
  } finally {
    await server.remove();
  }
}

/** A server that speaks S3, in this process, for as long as the work takes. */
async function bucketCost<T>(folder: string, work: (store: ObjectStore) => Promise<T>): Promise<T> {
  process.env.AWS_ACCESS_KEY_ID = 'S3RVER';
  process.env.AWS_SECRET_ACCESS_KEY = 'S3RVER';
  const directory = mkdtempSync(join(folder, 's3-'));
  const configureBuckets = [{ name: 'scale', configs: [] }];
  const server = new S3rver({ port: 0, address: '127.0.0.1', silent: true, directory, configureBuckets });
  const { port } = await server.run();
  try {
    return await work(await bucketStore({ bucket: 'scale', prefix: '' }, { endpoint: `http://127.0.0.1:${port}` }));
  } finally {
    await server.close();
  }
}

async function storeCost(store: ObjectStore): Promise<UnitCosts['stores'][string]> {
  const large = new Uint8Array(2 ** 24).map((_, i) => i % 251);
  const megabytes = large.length / 1e6;
  const put = await cheapest(() => store.put('large', large));
  const get = await cheapest(() => store.get('large'));
  await store.put('small', large.subarray(0, 100));
  const many = 50;
  const requests = await cheapest(async () => {
    for (let i = 0; i < many; i++) await store.get('small');
  });
  const second = 1000;
  return { put: (megabytes * second) / put, get: (megabytes * second) / get, requests: (many * second) / requests };
}

async function rowCost(path: string): Promise<number> {
  const database = new Database(path);
  database.exec('PRAGMA journal_mode = WAL; CREATE TABLE events (id INTEGER PRIMARY KEY, job TEXT, event TEXT)');
  const insert = database.prepare('INSERT INTO events (job, event) VALUES (?, ?)');
  const many = 300;
  const event = JSON.stringify({ kind: 'report', epoch: 1, loss: 0.5, accuracy: 0.8 });
  const took = await fastest(async () => {
    for (let i = 0; i < many; i++) insert.run('trial-0000', event);
  });
  database.close();
  return (many * 1000) / took;
}

async function shardCost(cache: string): Promise<number> {
  const [rows, width] = [512, 512];
  const file = writeSafetensors({ features: f32([rows, width], new Float32Array(rows * width).fill(0.5)) });
  await using table = await openFeatures(cache, 'scale', [width], { limit: 2 ** 30, onNote: () => {} });
  let shard = 0;
  return cheapest(async () => {
    const { data } = readSafetensors(file).tensors.features!;
    if (!(data instanceof Float32Array)) return;
    for (let i = 0; i < rows; i++) await table.add(`${shard} ${i}`, data.subarray(i * width, (i + 1) * width));
    await table.flush();
    shard++;
  });
}
