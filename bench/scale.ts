/*
 * Ten million images, a thousand trials, a hundred machines: what each unit of work costs here, and a simulation of a
 * cluster with these costs (docs/scale.md).
 *   npm run build && node dist/bench/scale.js [--measure] [--slots 4] [--price 0.2]
 * `--measure` measures the units again, in some minutes on a machine that does nothing else; without it those in
 * bench/results/scale.json stand. The simulation draws deaths and the lengths of trials from addressed streams: equal
 * costs give equal results. `--price` is that of a machine for an hour.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { randomStream } from '@graft-ml/core';
import { type LineChart, lineChartSvg, type Series } from '@graft-ml/core/internal/chart/index';
import { measureCosts, type UnitCosts } from './scale-costs.ts';
import { type Cluster, type Simulated, type SimulatedJob, type Submitter, simulate } from './scale-simulation.ts';

const { values: given } = parseArgs({
  options: {
    measure: { type: 'boolean', default: false },
    slots: { type: 'string', default: '4' },
    price: { type: 'string', default: '0.2' },
  },
});
const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const file = at('bench/results/scale.json');
const known = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { costs: UnitCosts }) : null;
const models = ['resnet18', 'squeezenet1_1', 'mobilenet_v3_small'];
const costs = given.measure || !known ? await measureCosts(models) : known.costs;
const [slots, price] = [Number(given.slots), Number(given.price)];

/** What is not measured here: the size of the task, and machines of the usual kind. */
const assumed = {
  images: 10_000_000,
  /** A photograph of ImageNet: bytes, and pixels as here. */
  imageBytes: 110_000,
  model: 'resnet18',
  validationShare: 0.2,
  packBytes: 2 ** 24,
  trials: 1000,
  /** Images that a trial sees in all: 10 epochs over 20,000. Times are log-normal around it. */
  trialImages: 200_000,
  trialSample: 20_000,
  trialSpread: 0.5,
  /** Bytes a second: a machine's network of 10 Gbit/s, and what all machines together get from a cloud's bucket. */
  network: 1.25e9,
  cloud: { bandwidth: 12.5e9, requests: 5500 },
  /** Seconds: BullMQ's renewal of a lock of 30 s, and how long a silent worker's job waits. */
  renewal: 15,
  stalled: 45,
  hoursBetweenDeaths: 200,
  replacement: 300,
  /** Operations of a job beside its renewals: added, taken, begun, ended, read by the submitter. */
  operations: 12,
  /** Operations a second while it is done: a look whether it was cancelled, and reports. */
  reports: 2,
} as const;
const counts = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

const stores = {
  'one server like this machine': {
    bandwidth: 1e6 * Math.min(costs.stores.s3rver!.put, costs.stores.s3rver!.get),
    requests: costs.stores.s3rver!.requests,
  },
  'a disk at 1 GB/s': { bandwidth: 1e9, requests: 2000 },
  'a bucket of a cloud': assumed.cloud,
} as const;
type Store = keyof typeof stores;

function cluster(workers: number, store: Store, options: Partial<Cluster> = {}): Cluster {
  const { network, renewal, stalled, hoursBetweenDeaths, replacement } = assumed;
  return {
    ...{ workers, slots, network, renewal, stalled, hoursBetweenDeaths, replacement },
    ...stores[store],
    operation: costs.jobs.redis!.operation / 1000,
    seed: 0,
    ...options,
  };
}

/** The shards of the training and validation images. A worker reads whole packs, so also what others need of them. */
function extraction(model: string): SimulatedJob[] {
  const { images, imageBytes, validationShare, packBytes, operations, reports } = assumed;
  const { features, width } = costs.models[model]!;
  const shard = shardOf(model);
  const shardsOf = (share: number): SimulatedJob[] => {
    const reads = (shard / share) * imageBytes + packBytes;
    const job = {
      ...{ reads, kept: 0, saves: null, operations, reports },
      seconds: (shard * (costs.image.decode + features)) / 1000,
      writes: 4 * width * shard,
      requests: reads / packBytes + 8,
    };
    return Array.from({ length: Math.ceil((images * share) / shard) }, () => job);
  };
  return [...shardsOf(1 - validationShare), ...shardsOf(validationShare)];
}

/** The images of a shard: `extractElsewhere` makes it at most 512, whose features are at most 16 MiB. */
function shardOf(model: string): number {
  const most = Math.min(512, 2 ** 24 / (4 * costs.models[model]!.width));
  return 16 * Math.ceil(Math.floor(most) / 16);
}

/** The submitter reads the features of each shard, and puts them into its cache, a MiB in the time that was measured. */
function submitter(ahead: number, model: string = assumed.model): Submitter {
  const reads = 4 * costs.models[model]!.width * shardOf(model);
  return { ahead, reads, seconds: (costs.shard / 1000) * (reads / 2 ** 20) };
}

/** Runs of fine-tuning a whole network; their lengths differ as those of a study do. */
function trials(): SimulatedJob[] {
  const { trials: count, trialImages, trialSample, trialSpread, imageBytes, model, operations, reports } = assumed;
  const { step, parameters } = costs.models[model]!;
  const sample = trialSample * imageBytes;
  // Values, and two moments of AdamW.
  const checkpoint = 3 * 4 * parameters;
  return Array.from({ length: count }, (_, trial) => {
    const factor = Math.exp(trialSpread * randomStream(0, 'trial', trial).normal());
    const seconds = (factor * trialImages * (step + costs.image.decode)) / 1000;
    return {
      ...{ reads: sample, kept: sample, seconds, operations, reports },
      writes: checkpoint + 4 * parameters,
      saves: { every: seconds / 10, bytes: checkpoint },
      requests: sample / assumed.packBytes + 20,
    };
  });
}

const wholeStudy: Submitter = { ahead: Number.POSITIVE_INFINITY, reads: 1e5, seconds: 0.01 };

/** The resource that is busy for the largest share of the time. */
function limitOf({ busy }: Simulated): string {
  const [name, share] = Object.entries(busy).reduce((a, b) => (b[1] > a[1] ? b : a));
  return `${name} ${Math.round(100 * share)} %`;
}

const round = (value: number) => Number(value.toPrecision(4));
function rounded({ hours, busy, deaths, lostHours, bytes }: Simulated) {
  const shares = Object.fromEntries(Object.entries(busy).map(([name, share]) => [name, round(share)]));
  return { hours: round(hours), busy: shares, deaths, lostHours: round(lostHours), bytes: round(bytes) };
}

function check(jobs: readonly SimulatedJob[]): void {
  const some = jobs.slice(0, 100);
  const alone = { slots: 1, hoursBetweenDeaths: Number.POSITIVE_INFINITY };
  const quick = { bandwidth: 1e15, network: 1e15, requests: 1e12, operation: 0 };
  const { hours } = simulate(some, cluster(1, 'a bucket of a cloud', { ...alone, ...quick }), wholeStudy);
  const expected = some.reduce((sum, { seconds }) => sum + seconds, 0) / 3600;
  if (Math.abs(hours / expected - 1) > 1e-3) throw new Error(`one slot takes ${hours} h instead of ${expected} h`);
}

const shards = extraction(assumed.model);
const runs = trials();
check(shards);
check(runs);

const sweep = (jobs: readonly SimulatedJob[], store: Store, from: Submitter, options: Partial<Cluster> = {}) =>
  counts.map((workers) => ({ workers, ...simulate(jobs, cluster(workers, store, options), from) }));
const storeNames = Object.keys(stores) as Store[];
const byStore = new Map(storeNames.map((name) => [name, sweep(shards, name, submitter(2))]));
const ofTrials = new Map(storeNames.map((name) => [name, sweep(runs, name, wholeStudy)]));
const deaths = [Number.POSITIVE_INFINITY, 1000, 200, 50, 10];
const hundred = (jobs: readonly SimulatedJob[], from: Submitter, options: Partial<Cluster>) =>
  simulate(jobs, cluster(100, 'a bucket of a cloud', options), from);
const byDeaths = deaths.map((hoursBetweenDeaths) => ({
  hoursBetweenDeaths: Number.isFinite(hoursBetweenDeaths) ? hoursBetweenDeaths : null,
  extraction: rounded(hundred(shards, submitter(2), { hoursBetweenDeaths })),
  trials: rounded(hundred(runs, wholeStudy, { hoursBetweenDeaths })),
}));
const byAhead = [1, 2, 4, 8].map((ahead) => ({ ahead, ...rounded(hundred(shards, submitter(ahead), {})) }));
/** Features that are larger than the images: the activations before the last layers of SqueezeNet. */
const wide = counts
  .filter((workers) => workers <= 200)
  .map((workers) => ({
    workers,
    ...simulate(extraction('squeezenet1_1'), cluster(workers, 'a bucket of a cloud'), submitter(2, 'squeezenet1_1')),
  }));
const byQueue = Object.entries(costs.jobs).map(([queue, { operation }]) => {
  const own = { operation: operation / 1000 };
  return {
    queue,
    results: sweep(shards, 'a bucket of a cloud', submitter(2), own).map((one) => ({
      workers: one.workers,
      ...rounded(one),
    })),
  };
});

const listed = (of: ReadonlyMap<Store, readonly (Simulated & { workers: number })[]>) =>
  Object.fromEntries(
    [...of].map(([name, results]) => [name, results.map((one) => ({ workers: one.workers, ...rounded(one) }))]),
  );
writeFileSync(
  file,
  `${JSON.stringify({ costs, assumed: { ...assumed, slots, price }, extraction: listed(byStore), trials: listed(ofTrials), wide: wide.map((one) => ({ workers: one.workers, ...rounded(one) })), byDeaths, byAhead, byQueue }, null, 1)}\n`,
);

/** The points of a curve that can be drawn on logarithmic axes. */
const curve = (name: string, results: readonly (Simulated & { workers: number })[]): Series => ({
  name,
  points: results.map(({ workers, hours }) => [workers, hours] as const),
});
const machines = { label: `machines of ${slots} cores`, scale: 'log' } as const;
const ideal = (jobs: readonly SimulatedJob[]): Series => {
  const whole = jobs.reduce((sum, { seconds }) => sum + seconds, 0) / 3600 / slots;
  return { name: 'computing alone', points: counts.map((workers) => [workers, whole / workers] as const) };
};
async function draw(name: string, chart: LineChart): Promise<void> {
  writeFileSync(at(`docs/images/${name}.svg`), await lineChartSvg(chart));
}
await draw('scale-features', {
  title: 'Features of 10 million images',
  x: machines,
  y: { label: 'hours', scale: 'log' },
  series: [...[...byStore].map(([name, results]) => curve(name, results)), ideal(shards)],
});
await draw('scale-trials', {
  title: 'A study of 1,000 trials',
  x: machines,
  y: { label: 'hours', scale: 'log' },
  series: [...[...ofTrials].map(([name, results]) => curve(name, results)), ideal(runs)],
});
const shared = byStore.get('a disk at 1 GB/s')!;
await draw('scale-busy', {
  title: 'What is busy while features are made, over a store of 1 GB/s',
  x: machines,
  y: { label: 'share of the time', format: 'percent' },
  series: Object.entries({
    slots: 'cores',
    bandwidth: 'the store’s bandwidth',
    queue: 'the queue',
    submitter: 'the submitter',
  }).map(([key, name]) => ({
    name,
    points: shared.map(({ workers, busy }) => [workers, busy[key as keyof typeof busy]] as const),
  })),
});

const table = (title: string, of: ReadonlyMap<Store, readonly (Simulated & { workers: number })[]>) => {
  console.log(`\n${title}`);
  for (const [store, results] of of) {
    console.log(`  ${store}\n  | machines | hours | machine hours | price | busiest |\n  |--:|--:|--:|--:|---|`);
    for (const one of results) {
      const total = one.hours * one.workers;
      console.log(
        `  | ${one.workers} | ${one.hours.toFixed(1)} | ${total.toFixed(0)} | ${(price * total).toFixed(0)} | ${limitOf(one)} |`,
      );
    }
  }
};
table('Features of 10 million images', byStore);
table('Features of SqueezeNet, 346 KB an image', new Map([['a bucket of a cloud' as const, wide]]));
table('1,000 trials', ofTrials);
console.log('\nDeaths, with 100 machines', JSON.stringify(byDeaths, null, 1));
console.log('\nShards ahead for each slot, with 100 machines', JSON.stringify(byAhead, null, 1));
