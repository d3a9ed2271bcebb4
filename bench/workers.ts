/*
 * One study by processes of this machine and by workers at a queue: the same values from each, and the time. Then with
 * everything killed once: the submitter, a worker, Redis. Then by workers in network namespaces, which see the queue and
 * a store that speaks S3 over a virtual network and nothing else of this machine's network.
 *   npm run build && node dist/bench/workers.js DATA --weights FILE [--trials 8] [--epochs 4]
 * Needs redis-server and PostgreSQL, and root for the namespaces. Results: bench/results/workers.json; what is there
 * already is not measured again.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  type Executor,
  localExecutor,
  type ObjectStore,
  openStore,
  openStudy,
  queueExecutor,
  resumeStudy,
  runStudy,
  type StudyDefinitionInput,
  type StudyEvent,
} from 'graft-ml/study';
import S3rver from 's3rver';
import { startServer, type TestServer } from '../test/queues.ts';
import { Results } from './study.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    weights: { type: 'string' },
    trials: { type: 'string', default: '8' },
    epochs: { type: 'string', default: '4' },
    /** For the process that this script starts and kills: where it runs the study. */
    out: { type: 'string' },
    queue: { type: 'string' },
    store: { type: 'string' },
  },
});
const [data = ''] = positionals;
if (data === '' || values.weights === undefined) throw new Error('It needs a dataset and --weights FILE.');

const definition: StudyDefinitionInput = {
  data: resolve(data),
  space: {
    learningRate: { kind: 'float', low: 1e-4, high: 1e-1, log: true },
    weightDecay: { kind: 'float', low: 1e-6, high: 1e-2, log: true },
  },
  options: {
    ...{ model: 'squeezenet1_1', weights: resolve(values.weights), strategy: 'feature-extraction' },
    ...{ epochs: Number(values.epochs), batchSize: 16, threads: 1 },
  },
  sampler: { kind: 'random' },
  budget: { trials: Number(values.trials) },
  parallel: 4,
};

const isKilled = values.out !== undefined;
const root = isKilled ? '' : mkdtempSync(join(tmpdir(), 'graft-workers-'));
const cache = join(root, 'cache');
if (!isKilled) process.env.GRAFT_CACHE = cache;
const program = fileURLToPath(new URL('../../packages/graft-ml/dist/cli/main.js', import.meta.url));

interface Outcome {
  /** Validation accuracy of each trial, in their order. */
  readonly values: readonly (number | null)[];
  readonly best: number;
  readonly seconds: number;
  /** How often a job was begun a second time. */
  readonly takeovers: number;
  /** The machine's load when it began. */
  readonly load: number;
}

/** Runs a study, or goes on with the one in `out`. */
async function study(
  out: string,
  executor: Executor,
  onEvent: (event: StudyEvent) => Promise<void> = async () => {},
): Promise<Outcome> {
  const load = loadavg()[0]!;
  const start = performance.now();
  let takeovers = 0;
  const events = existsSync(join(out, 'study.db'))
    ? resumeStudy(out, { executor, test: false })
    : runStudy(definition, { out, executor, test: false });
  for await (const event of events) {
    if (event.kind === 'started' && event.attempt > 1) takeovers++;
    if (event.kind === 'failed') throw new Error(event.message);
    await onEvent(event);
  }
  const { trials, best } = await openStudy(out);
  if (best === null) throw new Error(`The study has no best trial: ${JSON.stringify(trials)}`);
  return {
    values: trials.map(({ value }) => value),
    best: best.number,
    seconds: Math.round((performance.now() - start) / 100) / 10,
    takeovers,
    load: Math.round(load),
  };
}

interface WorkerPlace {
  readonly queue: string;
  readonly store: string;
  /** Words before the command: in which namespace it runs, say. */
  readonly within?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

function startWorker(name: string, { queue, store, within = [], environment = {} }: WorkerPlace): ChildProcess {
  const own = join(root, name);
  mkdirSync(own, { recursive: true });
  // Kernels are timed once, so that all have the same: the last bits depend on them.
  const choices = join(cache, 'tuning.json');
  if (existsSync(choices)) cpSync(choices, join(own, 'tuning.json'));
  const [command = '', ...words] = [
    ...within,
    ...[process.execPath, program, 'worker', '--queue', queue, '--store', store, '--cache', own],
    ...['--patience', '10'],
  ];
  return spawn(command, words, { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, ...environment } });
}

async function leave(workers: readonly ChildProcess[]): Promise<void> {
  await Promise.all(
    workers.map(async (worker) => {
      if (worker.exitCode !== null || worker.signalCode !== null) return;
      const ended = new Promise((done) => worker.once('exit', done));
      worker.kill('SIGTERM');
      await ended;
    }),
  );
}

async function byWorkers(server: TestServer, name: string, count: number): Promise<Outcome> {
  const place = { queue: server.url, store: join(root, `${name}-store`) };
  const workers = Array.from({ length: count }, (_, i) => startWorker(`${name}-${i}`, place));
  try {
    const out = join(root, name);
    const store = await openStore(place.store);
    await using executor = await queueExecutor({ queue: server.url, store, root: out, name });
    return await study(out, executor);
  } finally {
    await leave(workers);
  }
}

/** The submitter is killed after three reports, then a worker, then Redis. */
async function withKills(server: TestServer): Promise<Outcome & { readonly killed: readonly string[] }> {
  const out = join(root, 'killed');
  const place = { queue: server.url, store: join(root, 'killed-store') };
  const workers = [startWorker('killed-0', place), startWorker('killed-1', place)];
  const killed: string[] = [];
  try {
    await killedSubmitter(out, place);
    killed.push('the submitter');
    const store = await openStore(place.store);
    await using executor = await queueExecutor({ queue: server.url, store, root: out, name: 'killed' });
    let reports = 0;
    const outcome = await study(out, executor, async ({ kind }) => {
      if (kind !== 'report') return;
      reports++;
      if (reports === 3) {
        workers[0]!.kill('SIGKILL');
        killed.push('a worker');
      }
      if (reports === 6) {
        await server.kill();
        await delay(2000);
        await server.start();
        killed.push('Redis');
      }
    });
    return { ...outcome, killed };
  } finally {
    await leave(workers);
  }
}

async function killedSubmitter(out: string, { queue, store }: WorkerPlace): Promise<void> {
  const same = [data, '--weights', values.weights!, '--trials', values.trials, '--epochs', values.epochs];
  const child = spawn(
    process.execPath,
    [fileURLToPath(import.meta.url), ...same, '--out', out, '--queue', queue, '--store', store],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let reports = 0;
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      reports += chunk.toString('utf8').split('report').length - 1;
      if (reports >= 3) child.kill('SIGKILL');
    });
    child.once('exit', (code) => (reports >= 3 ? resolve() : reject(new Error(`It ended by itself: ${code}`))));
  });
}

const network = { bridge: 'graftbr0', host: '10.77.0.1' };
const spaces = [1, 2].map((i) => ({
  name: `graft${i}`,
  address: `10.77.0.${i + 1}`,
  inner: `gi${i}`,
  outer: `go${i}`,
}));

function ip(...words: readonly string[]): void {
  execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** A bridge with an address of the host's, and namespaces with one address each, which reach each other through it. */
function openSpaces(): void {
  ip('link', 'add', network.bridge, 'type', 'bridge');
  ip('addr', 'add', `${network.host}/24`, 'dev', network.bridge);
  ip('link', 'set', network.bridge, 'up');
  for (const { name, address, inner, outer } of spaces) {
    ip('netns', 'add', name);
    ip('link', 'add', outer, 'type', 'veth', 'peer', 'name', inner, 'netns', name);
    ip('link', 'set', outer, 'master', network.bridge, 'up');
    ip('-n', name, 'addr', 'add', `${address}/24`, 'dev', inner);
    ip('-n', name, 'link', 'set', inner, 'up');
    ip('-n', name, 'link', 'set', 'lo', 'up');
  }
}

function closeSpaces(): void {
  for (const { name } of spaces) execFileSync('ip', ['netns', 'del', name], { stdio: 'ignore' });
  execFileSync('ip', ['link', 'del', network.bridge], { stdio: 'ignore' });
}

async function inNamespaces(): Promise<Outcome & { readonly objects: number; readonly bytes: number }> {
  openSpaces();
  const directory = join(root, 's3');
  mkdirSync(directory);
  const bucket = new S3rver({
    ...{ address: network.host, port: 0, silent: true, directory },
    configureBuckets: [{ name: 'studies', configs: [] }],
  });
  const server = await startServer('redis', network.host);
  const workers: ChildProcess[] = [];
  try {
    const { port } = await bucket.run();
    const environment = {
      AWS_ENDPOINT_URL: `http://${network.host}:${port}`,
      AWS_ACCESS_KEY_ID: 'S3RVER',
      AWS_SECRET_ACCESS_KEY: 'S3RVER',
    };
    Object.assign(process.env, environment);
    const place = { queue: server.url, store: 's3://studies/trash', environment };
    for (const { name } of spaces) {
      workers.push(startWorker(`space-${name}`, { ...place, within: ['ip', 'netns', 'exec', name] }));
    }
    const store = await openStore(place.store);
    await using executor = await queueExecutor({
      queue: server.url,
      store,
      root: join(root, 'spaces'),
      name: 'spaces',
    });
    const outcome = await study(join(root, 'spaces'), executor);
    return { ...outcome, ...(await sizeOf(store)) };
  } finally {
    await leave(workers);
    await server.remove();
    await bucket.close();
    closeSpaces();
  }
}

/** What a store holds in the end. */
async function sizeOf(store: ObjectStore): Promise<{ objects: number; bytes: number }> {
  let [objects, bytes] = [0, 0];
  for await (const key of store.list('')) {
    objects++;
    bytes += (await store.get(key))?.length ?? 0;
  }
  return { objects, bytes };
}

async function measure(): Promise<void> {
  const results = new Results<Outcome>('workers');
  const servers = { redis: await startServer('redis'), postgres: await startServer('postgres') };
  const locally = async (name: string, jobs: number) => {
    const out = join(root, name);
    // No features of another study.
    rmSync(join(cache, 'features'), { recursive: true, force: true });
    await using executor = localExecutor({ root: out, jobs });
    return await study(out, executor);
  };
  try {
    const first = await results.keep('one process of this machine', () => locally('local-1', 1));
    const others = {
      'two workers, Redis; submitter, worker and Redis killed': () => withKills(servers.redis),
      'two workers in network namespaces, Redis, S3': inNamespaces,
      'two workers, PostgreSQL': () => byWorkers(servers.postgres, 'postgres-2', 2),
      'one worker, Redis': () => byWorkers(servers.redis, 'redis-1', 1),
      'two workers, Redis': () => byWorkers(servers.redis, 'redis-2', 2),
      'two processes of this machine': () => locally('local-2', 2),
    };
    for (const [name, run] of Object.entries(others)) {
      const outcome = await results.keep(name, run);
      const isSame = JSON.stringify(outcome.values) === JSON.stringify(first.values);
      const faster = (first.seconds / outcome.seconds).toFixed(2);
      console.log(`${name}: ${isSame ? 'the same values' : 'OTHER VALUES'}, ${outcome.seconds} s (${faster} times)`);
    }
  } finally {
    await servers.redis.remove();
    await servers.postgres.remove();
  }
}

/** The process that is killed. */
async function submit(out: string, queue: string, place: string): Promise<void> {
  const store = await openStore(place);
  await using executor = await queueExecutor({ queue, store, root: out, name: 'killed' });
  await study(out, executor, async ({ kind }) => console.log(kind));
}

if (values.out !== undefined && values.queue !== undefined && values.store !== undefined) {
  await submit(values.out, values.queue, values.store);
} else {
  try {
    await measure();
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
