/*
 * How the cost of Graft's work grows with its size, each size in a process of its own:
 *   npm run build && node dist/bench/growth.js [images classes side batch inner-steps blocks] [--weights FILE] [--keep FOLDER] [--json]
 * Sizes that bench/results/growth.json has are not measured again without --again. What is fitted is processor time of all
 * threads, which other work on the machine changes little.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { randomStream } from '@graft-ml/core/internal/base/random';
import { replaceFile } from 'graft-ml/internal/files/write';
import { createRuntime } from 'graft-ml/runtime';
import { trainFolder } from 'graft-ml/train';
import sharp from 'sharp';
import { saveChart } from './charts.ts';
import { stepContender } from './classifier.ts';
import { median } from './harness.ts';
import { contenderOf, metaStepWork, sessionsInWorkers } from './meta-work.ts';
import { openLastBlocks } from './speed/graft-network.ts';
import { type Machine, thisMachine } from './speed/machine.ts';

/** What a size cost. */
interface Cost {
  /** Seconds of processor time of all threads. */
  readonly processor: number;
  /** Seconds by the wall clock. */
  readonly wall: number;
  /** The most memory the process had, in bytes. */
  readonly peak: number;
  /** Bytes of what was written, where that is of interest. */
  readonly written?: number;
}

interface Axis {
  readonly title: string;
  readonly sizes: readonly number[];
  /** The exponent of the work itself. */
  readonly work: number;
  /** Measures one size; `folder` is where images are kept. */
  measure(size: number, folder: string): Promise<Cost>;
}

const imageCount = 20_000;

const axes: Readonly<Record<string, Axis>> = {
  images: {
    title: 'images: from the start of the process to the first step of full training',
    sizes: [100, 1000, 10_000, 100_000],
    work: 1,
    measure: async (count, folder) => train(await photos(folder, count, Math.min(100, count / 10)), 'step'),
  },
  classes: {
    title: `classes: an epoch of a new head on ${imageCount.toLocaleString('en')} images, with report and evaluation`,
    sizes: [2, 10, 100, 1000, 10_000],
    work: 0,
    measure: async (count, folder) => train(await photos(folder, imageCount, count), 'end'),
  },
  side: {
    title: 'side of an image in pixels: a step of MobileNet v3 small, batch 4',
    sizes: [32, 64, 128, 256, 384],
    work: 2,
    measure: (size) => step(4, size),
  },
  batch: {
    title: 'batch: a step of MobileNet v3 small, 96 px',
    sizes: [1, 2, 4, 8, 16, 32, 64],
    work: 1,
    measure: (batchSize) => step(batchSize, 96),
  },
  'inner-steps': {
    title: 'inner steps: an outer step of MAML (second order, conv-4, 28 px, 2 tasks)',
    sizes: [1, 2, 4, 8, 16],
    work: 1,
    measure: maml,
  },
  blocks: {
    title: 'unfrozen blocks: a step of ResNet-18, batch 16, 224 px, from kept features',
    sizes: [1, 2, 4, 8],
    work: 1,
    measure: lastBlocks,
  },
};

/** Seconds since the process began, and what it used. */
function costSoFar(): Cost {
  const { user, system } = process.cpuUsage();
  return {
    processor: (user + system) / 1e6,
    wall: process.uptime(),
    peak: process.resourceUsage().maxRSS * 1024,
  };
}

/** A folder of so many small images in so many classes, which is made once. */
async function photos(folder: string, count: number, classes: number): Promise<string> {
  const root = join(folder, `${count}-in-${classes}`);
  if (existsSync(root)) return root;
  const building = `${root}.part`;
  rmSync(building, { recursive: true, force: true });
  for (let start = 0; start < count; start += 256) {
    const indices = Array.from({ length: Math.min(256, count - start) }, (_, i) => start + i);
    await Promise.all(indices.map((index) => photo(building, index, classes)));
  }
  execFileSync('mv', [building, root]);
  return root;
}

async function photo(root: string, index: number, classes: number): Promise<void> {
  const label = index % classes;
  const folder = join(root, String(label).padStart(5, '0'));
  mkdirSync(folder, { recursive: true });
  const stream = randomStream(0, 'growth', index);
  const pixels = Uint8Array.from({ length: 3 * 32 * 32 }, () => stream.integer(256));
  const file = join(folder, `${index}.png`);
  await sharp(pixels, { raw: { width: 32, height: 32, channels: 3 } })
    .png({ compressionLevel: 1 })
    .toFile(file);
}

async function train(folder: string, until: 'step' | 'end'): Promise<Cost> {
  const out = mkdtempSync(join(tmpdir(), 'graft-growth-'));
  const { weights } = options;
  if (!weights) throw new Error('images and classes need --weights FILE: SqueezeNet 1.1.');
  const strategy = until === 'step' ? 'full' : 'feature-extraction';
  const config = { weights, imageSize: 64, epochs: 1, strategy } as const;
  for await (const event of trainFolder(folder, config, { out, overwrite: true })) {
    if (event.kind === until) break;
  }
  const written = bytesIn(out);
  rmSync(out, { recursive: true, force: true });
  return { ...costSoFar(), ...(until === 'end' && { written }) };
}

function bytesIn(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}

/** The processor time of one step: the median of several. */
async function step(batchSize: number, size: number): Promise<Cost> {
  const work = { model: 'mobilenet_v3_small', optimizer: 'sgd', batchSize, size } as const;
  const contender = await stepContender(work, createRuntime());
  return repeated(() => contender.time(1));
}

async function maml(innerSteps: number): Promise<Cost> {
  const work = metaStepWork({
    ...{ threads: 2, tasks: 2, innerSteps, order: 2, filters: 32, halving: 'max-pool' },
    shape: { way: 5, shots: 5, queries: 15 },
  });
  const contender = await contenderOf(work, await sessionsInWorkers(work));
  return repeated(() => contender.time(1));
}

async function lastBlocks(blocks: number): Promise<Cost> {
  const work = { kind: 'last-third', model: 'resnet18', batch: 16, side: 224 } as const;
  const { step: take } = await openLastBlocks(work, blocks, createRuntime());
  return repeated(take);
}

const warmUps = 2;
const repetitions = 7;

async function repeated(run: () => Promise<unknown>): Promise<Cost> {
  const costs: Cost[] = [];
  for (let i = 0; i < warmUps + repetitions; i++) {
    const before = costSoFar();
    await run();
    const after = costSoFar();
    costs.push({ ...after, processor: after.processor - before.processor, wall: after.wall - before.wall });
  }
  const counted = costs.slice(warmUps);
  return {
    processor: median(counted.map(({ processor }) => processor)),
    wall: median(counted.map(({ wall }) => wall)),
    peak: counted.at(-1)!.peak,
  };
}

interface Results {
  readonly machine: Machine;
  readonly costs: Readonly<Record<string, Readonly<Record<string, Cost>>>>;
}

const resultsFile = 'bench/results/growth.json';

/** The slope of the logarithms over the upper half of the sizes, and the lowest and highest between two of them. */
function exponentOf(costs: Readonly<Record<string, Cost>>): { slope: number; low: number; high: number } {
  const points = Object.entries(costs)
    .map(([size, { processor }]) => [Math.log(Number(size)), Math.log(processor)] as const)
    .sort(([a], [b]) => a - b);
  const upper = points.slice(Math.floor((points.length - 1) / 2));
  const mean = (at: 0 | 1) => upper.reduce((sum, point) => sum + point[at], 0) / upper.length;
  const [x, y] = [mean(0), mean(1)];
  const slope =
    upper.reduce((sum, [a, b]) => sum + (a - x) * (b - y), 0) / upper.reduce((sum, [a]) => sum + (a - x) ** 2, 0);
  const between = upper.slice(1).map(([a, b], i) => (b - upper[i]![1]) / (a - upper[i]![0]));
  return { slope, low: Math.min(...between), high: Math.max(...between) };
}

function lines({ costs }: Results): string[] {
  return Object.entries(costs).flatMap(([name, own]) => {
    const { slope, low, high } = exponentOf(own);
    const sizes = Object.entries(own).map(([size, { processor, wall, peak, written }]) => {
      const parts = [`${processor.toPrecision(3)} s`, `${wall.toPrecision(3)} s wall`, `${(peak / 1e9).toFixed(2)} GB`];
      return `  ${size}: ${[...parts, ...(written ? [`${(written / 1e6).toFixed(1)} MB written`] : [])].join(', ')}`;
    });
    const fitted = `${slope.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)}), of the work ${axes[name]!.work}`;
    return [`${axes[name]!.title}: exponent ${fitted}`, ...sizes];
  });
}

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    keep: { type: 'string', default: join(tmpdir(), 'graft-growth-images') },
    again: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    size: { type: 'string' },
    weights: { type: 'string' },
  },
});

if (options.size !== undefined) {
  const [name] = positionals;
  console.log(JSON.stringify(await axes[name!]!.measure(Number(options.size), options.keep)));
  process.exit(); // without waiting for what is read ahead
}
const wanted = positionals.length > 0 ? positionals : Object.keys(axes);
const unknown = wanted.find((name) => !(name in axes));
if (unknown !== undefined) throw new Error(`There is no ${unknown}: ${Object.keys(axes).join(', ')}.`);
let results: Results = existsSync(resultsFile)
  ? JSON.parse(readFileSync(resultsFile, 'utf8'))
  : { machine: thisMachine(), costs: {} };
for (const name of wanted) {
  for (const size of axes[name]!.sizes) {
    if (results.costs[name]?.[size] && !options.again) continue;
    if (name === 'images') await photos(options.keep, size, Math.min(100, size / 10));
    if (name === 'classes') await photos(options.keep, imageCount, size);
    const line = [fileURLToPath(import.meta.url), name, '--size', String(size), '--keep', options.keep];
    if (options.weights) line.push('--weights', options.weights);
    const cost = JSON.parse(
      execFileSync(process.execPath, line, { encoding: 'utf8' }).trim().split('\n').at(-1)!,
    ) as Cost;
    results = { machine: thisMachine(), costs: { ...results.costs, [name]: { ...results.costs[name], [size]: cost } } };
    await replaceFile(resultsFile, new TextEncoder().encode(`${JSON.stringify(results, null, 1)}\n`));
    console.error(`${name} ${size}: ${cost.processor.toPrecision(3)} s of processor time`);
  }
}
await saveChart('growth', {
  title: 'How costs grow',
  x: { label: 'size, relative to the smallest', scale: 'log' },
  y: { label: 'processor time, relative to the smallest', scale: 'log' },
  series: Object.entries(results.costs).map(([name, own]) => {
    const [[firstSize, first]] = Object.entries(own) as [[string, Cost]];
    return {
      name: name.replace('-', ' '),
      points: Object.entries(own).map(([size, { processor }]) => [
        Number(size) / Number(firstSize),
        processor / first.processor,
      ]),
    };
  }),
});
if (options.json) console.log(JSON.stringify(results, null, 1));
else console.log(lines(results).join('\n'));
