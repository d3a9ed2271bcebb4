/*
 * DiLoCo against one machine: the same number of images seen, by 1, 2 and 4 workers that are averaged every 5, 10 and
 * 20 steps; accuracy on images that nothing was chosen by, seconds, and bytes to and from the store.
 *   npm run build && node dist/bench/diloco.js FOLDER --weights FILE [--seeds 2] [--from 0] [--image-size 96] [--epochs 6]
 * The results in bench/results/diloco.json come from ../shared/data/trashnet_600 with
 * ../shared/weights/squeezenet1_1_imagenet1k.safetensors. What is there already is not run again.
 */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { randomStream } from '@graft-ml/core/internal/base/random';
import { wilsonInterval } from '@graft-ml/core/internal/evaluate/metrics';
import { parseConfig, resolveConfig, type TrainConfigInput } from '@graft-ml/core/internal/recipe/config/index';
import { roundsOf } from '@graft-ml/core/internal/recipe/rounds';
import { evaluateFolder } from 'graft-ml/internal/evaluate/evaluate-folder';
import { openFarm } from 'graft-ml/internal/jobs/farm';
import { folderStore } from 'graft-ml/internal/jobs/folder-store';
import { localExecutor } from 'graft-ml/internal/jobs/local-executor';
import type { ObjectStore } from 'graft-ml/internal/jobs/object-store';
import { workersElsewhere } from 'graft-ml/internal/jobs/workers';
import { readRun } from 'graft-ml/internal/runs/read-run';
import { trainFolder } from 'graft-ml/internal/transfer/train-folder';
import { mean, Results } from './study.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    weights: { type: 'string' },
    seeds: { type: 'string', default: '2' },
    from: { type: 'string', default: '0' },
    'image-size': { type: 'string', default: '96' },
    epochs: { type: 'string', default: '6' },
  },
});
const [folder] = positionals;
const { weights } = values;
if (!folder || !weights) throw new Error('usage: node dist/bench/diloco.js FOLDER --weights FILE');

/** Bytes that went into the store and came out of it, by what they were. */
interface Bytes {
  /** Outer parameters, on their way to the workers. */
  readonly start: number;
  /** The workers' parameters, on their way back. */
  readonly end: number;
  /** What the workers' optimizers keep: it is written in case a worker is killed, and read by another process. */
  readonly kept: number;
  /** The first values of all parameters, and lists of images: once. */
  readonly once: number;
}

interface Row {
  readonly workers: number;
  readonly averageEvery: number;
  readonly correct: number;
  readonly images: number;
  /** On the validation images, of the best epoch. */
  readonly validation: number;
  readonly seconds: number;
  /** Images that were trained on, in all. */
  readonly seen: number;
  readonly rounds: number;
  readonly parameters: number;
  readonly bytes: Bytes | null;
  /** The machine's load when it began. */
  readonly load: number;
}

/** The images with some of each class in `test`, by chance. */
function withTest(source: string, to: string, seed: number): string {
  for (const name of readdirSync(source, { withFileTypes: true })) {
    if (!name.isDirectory()) continue;
    const files = readdirSync(join(source, name.name)).sort();
    const shuffled = randomStream(seed, 'bench', name.name).shuffle(files);
    const tested = Math.round(files.length / 5);
    shuffled.forEach((file, i) => {
      const place = join(to, i < tested ? 'test' : 'train', name.name);
      mkdirSync(place, { recursive: true });
      cpSync(join(source, name.name, file), join(place, file));
    });
  }
  return to;
}

/** The store, with what went through it counted. */
function counted(store: ObjectStore): { readonly store: ObjectStore; readonly bytes: Bytes } {
  const bytes = { start: 0, end: 0, kept: 0, once: 0 };
  const count = (key: string, length: number) => {
    const [name = ''] = /\/rounds\/\d+\/(start|end|kept)/.exec(key)?.slice(1) ?? [];
    bytes[name === 'start' || name === 'end' || name === 'kept' ? name : 'once'] += length;
  };
  return {
    bytes,
    store: {
      ...store,
      async put(key, content) {
        count(key, content.length);
        await store.put(key, content);
      },
      async get(key, most) {
        const content = await store.get(key, most);
        count(key, content?.length ?? 0);
        return content;
      },
    },
  };
}

async function measure(config: TrainConfigInput, seed: number): Promise<Row> {
  const scratch = mkdtempSync(join(tmpdir(), 'graft-diloco-'));
  const load = loadavg()[0]!;
  try {
    const photos = withTest(folder!, join(scratch, 'photos'), seed);
    const out = join(scratch, 'run');
    const { store, bytes } = counted(folderStore(join(scratch, 'store')));
    await using executor = localExecutor({ root: join(scratch, 'jobs'), store, jobs: 2 });
    const openWorkers = workersElsewhere(openFarm({ executor, store, ship: null }));
    const start = performance.now();
    let steps = 0;
    for await (const event of trainFolder(photos, config, { out, openWorkers })) {
      if (event.kind === 'step') steps++;
    }
    const seconds = (performance.now() - start) / 1000;
    const { best, dataset, parameters } = await readRun(out);
    const { correct, images } = await evaluateFolder(out, photos, { part: 'test' });
    const rounds = config.workers ? roundsOf(resolveConfig(parseConfig(config)), dataset.train) : null;
    return {
      workers: rounds?.workers ?? 1,
      averageEvery: rounds?.steps ?? 0,
      correct,
      images,
      validation: best!.accuracy,
      seconds,
      seen: steps * 16 * (rounds ? rounds.steps * rounds.workers : 1),
      rounds: rounds ? steps : 0,
      parameters: parameters.trained,
      bytes: rounds && bytes,
      load,
    };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const results = new Results<Row>('diloco');
const [imageSize, epochs, seeds] = [Number(values['image-size']), Number(values.epochs), Number(values.seeds)];
const common = { model: 'squeezenet1_1', weights, strategy: 'full', imageSize, epochs, threads: 1, disk: 0 } as const;
const ways: readonly TrainConfigInput[] = [
  {},
  ...[2, 4].flatMap((workers) => [5, 10, 20].map((averageEvery) => ({ workers, averageEvery }))),
  // The mean as it is, without the outer optimizer: local SGD.
  ...[2, 4].map((workers) => ({ workers, averageEvery: 10, outerLearningRate: 1, outerMomentum: 0 })),
  { workers: 2, averageEvery: 10, transferDtype: 'f16' },
];
function nameOf({ workers, averageEvery, outerMomentum, transferDtype }: TrainConfigInput): string {
  if (!workers) return 'one machine';
  const how = [...(outerMomentum === 0 ? ['mean alone'] : []), ...(transferDtype ? [transferDtype] : [])];
  return [`${workers} workers`, `every ${averageEvery}`, ...how].join(', ');
}

const rows = new Map<string, Row[]>();
for (let seed = Number(values.from); seed < seeds; seed++) {
  for (const way of ways) {
    const name = nameOf(way);
    const row = await results.keep(`${name}, seed ${seed}`, () => measure({ ...common, ...way, seed }, seed));
    console.error(`${name}, seed ${seed}: ${row.correct} of ${row.images}, ${row.seconds.toFixed(0)} s`);
    rows.set(name, [...(rows.get(name) ?? []), row]);
  }
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0);
const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
console.log(
  '| | images seen | test accuracy (95 %) | seeds | seconds | MB a round | MB in all | of it the state of optimizers | ' +
    'synchronous all-reduce, MB |\n|---|--:|---|---|--:|--:|--:|--:|--:|',
);
for (const [name, own] of rows) {
  const [correct, images] = [sum(own.map((row) => row.correct)), sum(own.map((row) => row.images))];
  const [low, high] = wilsonInterval(correct, images).map((each) => each.toFixed(3));
  const each = own.map((row) => (row.correct / row.images).toFixed(3)).join(', ');
  const [row] = own as [Row, ...Row[]];
  const bytes = row.bytes;
  const all = bytes ? bytes.start + bytes.end + bytes.kept + bytes.once : 0;
  // A ring: in each step every worker sends, and receives, 2 (n - 1) / n of the gradients.
  const reduced = row.rounds * row.averageEvery * 2 * (row.workers - 1) * row.parameters * 4;
  const cells = [
    ...[name, row.seen, `${(correct / images).toFixed(3)} (${low} to ${high})`, each],
    mean(own.map(({ seconds }) => seconds)).toFixed(0),
    ...(bytes
      ? [megabytes((bytes.start + bytes.end) / row.rounds), megabytes(all), megabytes(bytes.kept)]
      : ['', '', '']),
    row.workers > 1 ? megabytes(reduced) : '',
  ];
  console.log(`| ${cells.join(' | ')} |`);
}
