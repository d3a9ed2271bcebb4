/*
 * Graft's server beside a plain one of FastAPI, uvicorn and onnxruntime: the same network, the same JPEG bodies, by
 * autocannon, in turns.
 *   npm run build && node dist/bench/serve.js --python PATH [--run FOLDER] [--images FOLDER] [--seconds 5] [--blocks 3]
 * PATH is a Python with fastapi, uvicorn[standard], python-multipart, onnxruntime, pillow and numpy. Images are drawn, or the JPEG
 * files of a folder. Then what a task costs in a process and in a thread. Results: bench/results/serve.json
 */
import { fork } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import autocannon from 'autocannon';
import { loadModel } from 'graft-ml';
import { openRun } from 'graft-ml/evaluate';
import { exportClassifier } from 'graft-ml/export';
import { ortVersion } from 'graft-ml/internal/runtime/index';
import sharp from 'sharp';
import { z } from 'zod';
import { median } from './harness.ts';
import { type Contender, formOf, memoryOf, processorTimeOf, startFastApi, startGraft } from './serve-contenders.ts';

const { values } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    images: { type: 'string' },
    /** A run that is served, in place of networks with random weights. */
    run: { type: 'string' },
    seconds: { type: 'string', default: '5' },
    blocks: { type: 'string', default: '3' },
    /** Seconds of load before anything counts: engines that compile while they run need some. */
    warm: { type: 'string', default: '5' },
    models: { type: 'string', default: 'squeezenet1_1,resnet18' },
    concurrencies: { type: 'string', default: '1,8,32' },
    out: { type: 'string', default: 'bench/results/serve.json' },
  },
});
const cores = availableParallelism();
const answerSchema = z.object({ classes: z.array(z.object({ name: z.string(), probability: z.number() })) });

/** One block of load on one server. */
interface Block {
  /** Answers in a second. */
  readonly throughput: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Milliseconds of processor time of all of the server's processes for an answer. */
  readonly processor: number;
  readonly failed: number;
}

/** Photo-like JPEG files: smooth colours, edges and noise, 640 x 480. */
async function drawnImages(count: number): Promise<Buffer[]> {
  const [width, height] = [640, 480];
  return Promise.all(
    Array.from({ length: count }, (_, k) => {
      const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => {
        const [x, y, c] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width), i % 3];
        const smooth = 110 + 60 * Math.sin((x * (c + 1 + k)) / 200) + 50 * Math.cos((y * (k + 2)) / 150);
        const edge = (x - 40 * k) ** 2 + (y - 30 * k) ** 2 < 12_000 ? 50 : 0;
        return Math.max(0, Math.min(255, smooth + edge + ((i * 7919 * (k + 1)) % 23)));
      });
      return sharp(data, { raw: { width, height, channels: 3 } })
        .jpeg({ quality: 85 })
        .toBuffer();
    }),
  );
}

function imagesIn(folder: string): Buffer[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => /\.jpe?g$/i.test(name));
  return names.slice(0, 64).map((name) => readFileSync(join(folder, name)));
}

/** A run and an export of the same network, with random weights: they make no difference to time. */
async function writeModels(name: string, folder: string) {
  const classes = ['cardboard', 'glass', 'metal', 'paper', 'plastic', 'trash'];
  const [run, file] = [values.run ?? join(folder, name), join(folder, `${name}.onnx`)];
  if (values.run === undefined) {
    await using model = await loadModel(name, { classes, weights: null });
    await model.save(run);
  }
  await using classifier = await openRun(run);
  await exportClassifier(classifier, file);
  return { run, file };
}

async function load(
  { url, child }: Contender,
  bodies: readonly Buffer[],
  connections: number,
  seconds: number,
): Promise<Block> {
  const requests = bodies.map((image) => {
    const { body, headers } = formOf(image);
    return { method: 'POST' as const, path: '/predict', headers, body };
  });
  const before = processorTimeOf(child.pid!);
  const result = await autocannon({ url, connections, duration: seconds, requests, timeout: 60 });
  const { latency, duration } = result;
  const failed = result.errors + result.timeouts + result.non2xx;
  const processor = (1000 * (processorTimeOf(child.pid!) - before)) / result['2xx'];
  return { throughput: result['2xx'] / duration, p50: latency.p50, p99: latency.p99, processor, failed };
}

/** The largest difference of a probability between each server and the first one, over all bodies. */
async function disagreement(
  contenders: readonly Contender[],
  bodies: readonly Buffer[],
): Promise<Record<string, number>> {
  const most: Record<string, number> = {};
  for (const image of bodies) {
    const { body, headers } = formOf(image);
    const answers = await Promise.all(
      contenders.map(async ({ url }) => {
        const response = await fetch(`${url}/predict`, { method: 'POST', body: Uint8Array.from(body), headers });
        const { classes } = answerSchema.parse(await response.json());
        return new Map(classes.map(({ name, probability }) => [name, probability]));
      }),
    );
    for (const [i, { name }] of contenders.entries()) {
      for (const [key, value] of answers[0]!) {
        const other = answers[i]!.get(key);
        if (other !== undefined) most[name] = Math.max(most[name] ?? 0, Math.abs(other - value));
      }
    }
  }
  return most;
}

async function compare(name: string, folder: string, bodies: readonly Buffer[]) {
  const { run, file } = await writeModels(name, folder);
  const contenders = [
    await startGraft('Graft', run, ['--no-explain']),
    await startGraft(`Graft, ${cores} threads`, run, ['--no-explain', '--workers', '1', '--threads', String(cores)]),
    await startFastApi('FastAPI, one process', values.python, file, { workers: 1, threads: 0 }),
    await startFastApi(`FastAPI, ${cores} processes`, values.python, file, { workers: cores, threads: 1 }),
  ];
  try {
    const versions: unknown = await (await fetch(`${contenders[2]!.url}/versions`)).json();
    const differences = await disagreement(contenders, bodies.slice(0, 8));
    for (const contender of contenders) await load(contender, bodies, 8, Number(values.warm));
    const results = [];
    for (const concurrency of values.concurrencies.split(',').map(Number)) {
      const blocks: Record<string, Block[]> = Object.fromEntries(contenders.map(({ name }) => [name, []]));
      for (let block = 0; block < Number(values.blocks); block++) {
        for (const contender of contenders) {
          blocks[contender.name]!.push(await load(contender, bodies, concurrency, Number(values.seconds)));
        }
      }
      results.push({ concurrency, load: loadavg()[0]!, blocks });
      show(name, concurrency, blocks);
    }
    const memory = Object.fromEntries(
      contenders.map(({ name, child }) => [name, Math.round(memoryOf(child.pid!) / 1e6)]),
    );
    console.log(`  memory in MB: ${JSON.stringify(memory)}; differences: ${JSON.stringify(differences)}`);
    return { model: name, versions, differences, memory, results };
  } finally {
    await Promise.all(contenders.map((contender) => contender.close()));
  }
}

/** The ratios of each server to the plain ones, of neighbouring blocks. */
function show(model: string, concurrency: number, blocks: Readonly<Record<string, readonly Block[]>>): void {
  const peers = Object.values(blocks).slice(-2);
  console.log(`\n${model}, ${concurrency} at once (load ${loadavg()[0]!.toFixed(1)})`);
  console.log(
    '  | server | answers/s | p50 ms | p99 ms | processor ms | answers beside one process, several | p99 |\n  |---|--:|--:|--:|--:|--:|--:|',
  );
  for (const [name, own] of Object.entries(blocks)) {
    const of = (key: keyof Block) => median(own.map((block) => block[key]));
    const ratio = (key: keyof Block) =>
      peers.map((peer) => median(own.map((block, i) => block[key] / peer[i]![key])).toFixed(2)).join(', ');
    const failed = own.reduce((sum, block) => sum + block.failed, 0);
    console.log(
      `  | ${name} | ${of('throughput').toFixed(1)} | ${of('p50').toFixed(0)} | ${of('p99').toFixed(0)} | ${of('processor').toFixed(1)} | ` +
        `${ratio('throughput')} | ${ratio('p99')} |${failed > 0 ? ` ${failed} failed` : ''}`,
    );
  }
}

/** Milliseconds to hand an image to a process or a thread and to get it back, without any work. */
async function transport(bytes: number, rounds = 2000) {
  const echo = `
    const { parentPort } = require('node:worker_threads');
    if (parentPort) parentPort.on('message', (data) => parentPort.postMessage(data, [data.buffer]));
    else process.on('message', (data) => process.send(data));
    process.on('disconnect', () => process.exit());
  `;
  const file = join(mkdtempSync(join(tmpdir(), 'graft-echo-')), 'echo.cjs');
  writeFileSync(file, echo);
  const child = fork(file, [], { serialization: 'advanced' });
  const thread = new Worker(file);
  const measure = async (send: (data: Uint8Array) => void, next: () => Promise<unknown>) => {
    for (let i = 0; i < 200; i++) await Promise.all([next(), send(new Uint8Array(bytes))]);
    const start = performance.now();
    for (let i = 0; i < rounds; i++) await Promise.all([next(), send(new Uint8Array(bytes))]);
    return (performance.now() - start) / rounds;
  };
  const inProcess = await measure(
    (data) => child.send(data),
    () => new Promise((resolve) => child.once('message', resolve)),
  );
  const inThread = await measure(
    (data) => thread.postMessage(data, [data.buffer as ArrayBuffer]),
    () => new Promise((resolve) => thread.once('message', resolve)),
  );
  child.kill();
  await thread.terminate();
  return { bytes, process: inProcess, thread: inThread };
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'graft-serve-bench-'));
  const bodies = values.images === undefined ? await drawnImages(16) : imagesIn(values.images);
  const start = loadavg()[0]!;
  if (start > 1) console.log(`The machine is busy (load ${start.toFixed(1)}): repeat this when it is not.`);
  try {
    const handing = [await transport(3 * 224 * 224), await transport(100_000)];
    for (const { bytes, process: own, thread } of handing) {
      console.log(`${bytes} bytes there and back: process ${own.toFixed(3)} ms, thread ${thread.toFixed(3)} ms`);
    }
    const modelNames = values.run === undefined ? values.models.split(',') : [basename(values.run)];
    const comparisons = [];
    for (const name of modelNames) comparisons.push(await compare(name, folder, bodies));
    const features = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? '';
    const machine = {
      ...{ processor: cpus()[0]?.model, cores, load: start, node: process.version, onnxruntime: ortVersion() },
      instructions: ['avx2', 'avx512f', 'avx512_vnni', 'avx_vnni'].filter((name) => features.includes(` ${name}`)),
    };
    const bytes = bodies.map((body) => body.length);
    const about = { machine, seconds: Number(values.seconds), bodies: { count: bytes.length, bytes: median(bytes) } };
    writeFileSync(values.out, `${JSON.stringify({ ...about, transport: handing, comparisons }, null, 1)}\n`);
    console.log(`\nThe results are in ${values.out}.`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
