/*
 * int8 exports beside fp32, and beside ONNX Runtime's own quantiser on the same network and calibration images: accuracy
 * on images that the run was not trained on, size, speed, and the operators that a session runs.
 * node dist/bench/int8.js <run>... [--python python3] [--count 100] [--out bench/results/int8.json]; Python needs
 * onnxruntime and onnx. With --emulator 'qemu-x86_64-static -cpu Haswell' the files of small networks also run on a
 * processor without VNNI, and their logits are compared with those of this one. Runs are made by
 * `graft train FOLDER --test-fraction 0.2 --seed 0`. All files of a run take turns on each image in sessions with the
 * same settings, so that other load on the machine affects them alike.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { argmax } from '@graft-ml/core/internal/base/largest';
import type { Tensors } from '@graft-ml/core/internal/base/tensor';
import { wilsonInterval } from '@graft-ml/core/internal/evaluate/metrics';
import { networkModel, type OnnxModel, type WeightBits, writeOnnx } from '@graft-ml/core/internal/export/index';
import { decode } from '@graft-ml/core/internal/graph/decode';
import { openRun } from 'graft-ml/internal/evaluate/open-run';
import { exportImages, spread } from 'graft-ml/internal/export/export-images';
import { Int8Conversion, type KeepFp32, type Quantisation } from 'graft-ml/internal/export/int8';
import { networkFeeds } from 'graft-ml/internal/export/network-feeds';
import { openOnnx } from 'graft-ml/internal/export/onnx-session';
import { ortVersion } from 'graft-ml/internal/runtime/index';
import { median } from './harness.ts';

const { values: options, positionals: runs } = parseArgs({
  allowPositionals: true,
  options: {
    python: { type: 'string', default: 'python3' },
    count: { type: 'string', default: '100' },
    emulator: { type: 'string' },
    out: { type: 'string' },
  },
});
if (runs.length === 0) throw new Error('usage: node dist/bench/int8.js <run>... [--python python3] [--out FILE]');

const count = Number(options.count);
const scratch = mkdtempSync(join(tmpdir(), 'graft-int8-'));
const peer = fileURLToPath(new URL('../../bench/peer/int8.py', import.meta.url));
const ours: readonly (readonly [string, WeightBits, KeepFp32])[] = [
  ['Graft', 'auto', 'auto'],
  ['Graft, no layer kept', 'auto', 'none'],
  ['Graft, 7 bits, no layer kept', 7, 'none'],
  ['Graft, 8 bits, no layer kept', 8, 'none'],
];
const theirs = [
  ['MinMax', 7],
  ['MinMax', 8],
] as const;

const emulatedImages = 5;
/** Images that are timed. */
const timedImages = 60;
/** Emulation takes minutes for larger networks. */
const mostEmulatedBytes = 2e6;

interface Row {
  readonly name: string;
  readonly correct: number;
  readonly accuracy: number;
  readonly interval: readonly [number, number];
  /** The share of images in the class of fp32. */
  readonly agreement: number;
  /** The mean over images of the largest difference of a probability from fp32. */
  readonly difference: number;
  readonly bytes: number;
  /** The median over images, and fp32's milliseconds over these, with this many threads. */
  readonly threads: Readonly<Record<number, { readonly milliseconds: number; readonly speedup: number }>>;
  /** The nodes that a session runs, by operator. */
  readonly operators: Readonly<Record<string, number>>;
}

let versions: Record<string, string> = { 'onnxruntime-node': ortVersion() };

async function measure(run: string) {
  const classifier = await openRun(run);
  try {
    const images = await exportImages(run, classifier, {});
    const { training, compared, part } = images;
    const network = networkModel(classifier, 'pixels', 1);
    const files = new Map<string, Uint8Array>([['fp32', writeOnnx(network)]]);
    const seconds: Record<string, number> = {};
    const quantisations: Record<string, Pick<Quantisation, 'kept' | 'heldOut'> & { readonly layers: number }> = {};
    for (const [name, weightBits, keepFp32] of ours) {
      const start = performance.now();
      const conversion = new Int8Conversion({
        classifier,
        calibration: { count },
        weightBits,
        keepFp32,
        maxDrop: 1,
        images: async () => images,
        signal: undefined,
        onProgress() {},
      });
      files.set(name, writeOnnx(await conversion.convert(network)));
      seconds[name] = (performance.now() - start) / 1000;
      const { kept, heldOut, layers } = await conversion.quantisation();
      quantisations[name] = { kept, heldOut, layers: layers.length };
    }
    const [model, pixels] = [join(scratch, 'fp32.onnx'), join(scratch, 'pixels.u8')];
    writeFileSync(model, files.get('fp32')!);
    const views = await Promise.all(spread(training, count).map((image) => classifier.view(image)));
    writeFileSync(pixels, Buffer.concat(views));
    for (const [method, bits] of theirs) {
      const out = join(scratch, `peer-${bits}.onnx`);
      const start = performance.now();
      const { status, stdout, stderr } = spawnSync(options.python, [peer, model, pixels, out, `${bits}`, method], {
        encoding: 'utf8',
      });
      if (status !== 0) {
        console.log(`  no peer: ${stderr.trim().split('\n').at(-1)}`);
        continue;
      }
      versions = { ...versions, ...(JSON.parse(stdout.trim().split('\n').at(-1)!) as Record<string, string>) };
      files.set(`ONNX Runtime ${method.toLowerCase()} ${bits} bits`, readFileSync(out));
      seconds[`ONNX Runtime ${method.toLowerCase()} ${bits} bits`] = (performance.now() - start) / 1000;
    }
    const rows = await compare(files, network, classifier, compared);
    writeFileSync(pixels, Buffer.concat(views.slice(0, emulatedImages)));
    const elsewhere = emulated(files, pixels);
    return {
      run: basename(run),
      model: classifier.model.name,
      part,
      images: compared.length,
      calibration: count,
      quantisations,
      seconds,
      rows,
      elsewhere,
    };
  } finally {
    await classifier.close();
  }
}

/** The largest difference of a logit between this processor and another, and the mean magnitude of logits. */
function emulated(files: ReadonlyMap<string, Uint8Array>, pixels: string) {
  if (!options.emulator || files.get('fp32')!.length > mostEmulatedBytes) return undefined;
  const script = fileURLToPath(new URL('../../bench/peer/int8_logits.py', import.meta.url));
  const results: Record<string, { readonly largestDifference: number; readonly meanLogit: number }> = {};
  for (const name of ['fp32', 'Graft', 'Graft, 7 bits, no layer kept', 'Graft, 8 bits, no layer kept']) {
    const model = join(scratch, 'emulated.onnx');
    writeFileSync(model, files.get(name)!);
    const [here, there] = [[], options.emulator.split(' ')].map((emulator, i) => {
      const out = join(scratch, `logits-${i}.f32`);
      const [program, ...rest] = [...emulator, options.python, script, model, pixels, out];
      const { status, stderr } = spawnSync(program!, rest, { encoding: 'utf8' });
      if (status !== 0) throw new Error(stderr);
      return new Float32Array(new Uint8Array(readFileSync(out)).buffer);
    });
    results[name] = {
      largestDifference: Math.max(...here!.map((value, i) => Math.abs(value - there![i]!))),
      meanLogit: here!.reduce((sum, value) => sum + Math.abs(value), 0) / here!.length,
    };
  }
  return { emulator: basename(options.emulator), images: emulatedImages, ...results };
}

async function compare(
  files: ReadonlyMap<string, Uint8Array>,
  network: OnnxModel,
  classifier: Awaited<ReturnType<typeof openRun>>,
  images: Awaited<ReturnType<typeof exportImages>>['compared'],
): Promise<Row[]> {
  const optimised = join(scratch, 'optimised.onnx');
  const runners = await Promise.all(
    [...files].map(async ([name, file]) => {
      const session = await openOnnx(file, { optimizedModelFilePath: optimised, logSeverityLevel: 3 });
      const operators = operatorsIn(readFileSync(optimised));
      return { name, file, session, operators, correct: 0, agreeing: 0, difference: 0 };
    }),
  );
  const feedsOf = async (image: (typeof images)[number]) =>
    networkFeeds(network, await classifier.view(image), classifier.preprocessing);
  for (const image of images) {
    const feeds = await feedsOf(image);
    const results = new Map<string, Float32Array>();
    for (const { name, session } of runners) {
      results.set(name, (await session.run(feeds)).probabilities!.data as Float32Array);
    }
    const reference = results.get('fp32')!;
    for (const runner of runners) {
      const probabilities = results.get(runner.name)!;
      const predicted = argmax(probabilities);
      if (predicted === image.label) runner.correct++;
      if (predicted === argmax(reference)) runner.agreeing++;
      runner.difference += Math.max(...probabilities.map((p, k) => Math.abs(p - reference[k]!)));
    }
  }
  for (const { session } of runners) await session.release();
  const feeds = await Promise.all(spread(images, timedImages).map(feedsOf));
  const threads = { 1: await timesOf(files, feeds, 1), 2: await timesOf(files, feeds, 2) };
  return runners.map(({ name, file, operators, correct, agreeing, difference }) => ({
    name,
    correct,
    accuracy: correct / images.length,
    interval: wilsonInterval(correct, images.length),
    agreement: agreeing / images.length,
    difference: difference / images.length,
    bytes: file.length,
    threads: { 1: threads[1].get(name)!, 2: threads[2].get(name)! },
    operators,
  }));
}

/** All files take turns on each image; each begins once, so that none always runs after the same one. */
async function timesOf(files: ReadonlyMap<string, Uint8Array>, images: readonly Tensors[], threads: number) {
  const runners = await Promise.all(
    [...files].map(async ([name, file]) => {
      const session = await openOnnx(file, { intraOpNumThreads: threads, logSeverityLevel: 3 });
      return { name, session, times: [] as number[] };
    }),
  );
  for (const [i, feeds] of images.entries()) {
    for (const k of runners.keys()) {
      const { session, times } = runners[(k + i) % runners.length]!;
      if (i === 0) await session.run(feeds); // memory is laid out in the first run
      const start = performance.now();
      await session.run(feeds);
      times.push(performance.now() - start);
    }
  }
  for (const { session } of runners) await session.release();
  const base = runners[0]!.times;
  return new Map(
    runners.map(({ name, times }) => {
      const speedup = median(times.map((time, i) => base[i]! / time));
      return [name, { milliseconds: median(times), speedup }] as const;
    }),
  );
}

function operatorsIn(file: Uint8Array): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { operator } of decode(file).nodes) counts[operator] = (counts[operator] ?? 0) + 1;
  return counts;
}

const studies: ({ readonly load: number } & Awaited<ReturnType<typeof measure>>)[] = [];
for (const run of runs) {
  const load = loadavg()[0]!;
  const study = { load, ...(await measure(run)) };
  studies.push(study);
  save();
  console.log(`\n${study.run} (${study.model}): ${study.images} ${study.part} images, load ${load.toFixed(1)}`);
  console.log(
    '| | accuracy | as fp32 | differs | MB | ms (1 / 2 threads) | times as fast |\n|---|---|---|---|---|---|---|',
  );
  for (const { name, accuracy, interval, agreement, difference, bytes, threads } of study.rows) {
    const range = interval.map((end) => (100 * end).toFixed(1)).join(' to ');
    const kept = study.quantisations[name]?.kept.length ?? 0;
    const cells = [
      kept === 0 ? name : `${name} (${kept} of ${study.quantisations[name]!.layers} layers in f32)`,
      `${(100 * accuracy).toFixed(1)} % (${range})`,
      `${(100 * agreement).toFixed(1)} %`,
      difference.toFixed(3),
      (bytes / 1e6).toFixed(2),
      `${threads[1]!.milliseconds.toFixed(2)} / ${threads[2]!.milliseconds.toFixed(2)}`,
      `${threads[1]!.speedup.toFixed(1)} / ${threads[2]!.speedup.toFixed(1)}`,
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
}
rmSync(scratch, { recursive: true });

/** Writes what there is so far. */
function save(): void {
  if (!options.out) return;
  const flags = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.split(' ') ?? [];
  const machine = {
    processor: cpus()[0]!.model,
    cores: availableParallelism(),
    vnni: flags.filter((flag) => flag.endsWith('_vnni')),
  };
  writeFileSync(options.out, `${JSON.stringify({ machine, versions, studies }, null, 1)}\n`);
}
