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
import { wilsonInterval } from '@graft-ml/core/internal/evaluate/metrics';
import {
  type CalibrationMethod,
  networkModel,
  type OnnxModel,
  type WeightBits,
  writeOnnx,
} from '@graft-ml/core/internal/export/index';
import { decode } from '@graft-ml/core/internal/graph/decode';
import { openRun } from 'graft-ml/internal/evaluate/open-run';
import { exportImages, spread } from 'graft-ml/internal/export/export-images';
import { toInt8 } from 'graft-ml/internal/export/int8';
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
const ours: readonly (readonly [CalibrationMethod, WeightBits])[] = [
  ['minmax', 7],
  ['percentile', 7],
  ['mse', 7],
  ['minmax', 8],
];
const theirs = [
  ['MinMax', 7],
  ['MinMax', 8],
] as const;

const emulatedImages = 5;
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
  readonly milliseconds: number;
  /** fp32's milliseconds over these: the median over images. */
  readonly speedup: number;
  /** The nodes that a session runs, by operator. */
  readonly operators: Readonly<Record<string, number>>;
}

let versions: Record<string, string> = { 'onnxruntime-node': ortVersion() };

async function measure(run: string) {
  const classifier = await openRun(run);
  try {
    const { training, compared, part } = await exportImages(run, classifier, {});
    const network = networkModel(classifier, 'pixels', 1);
    const files = new Map<string, Uint8Array>([['fp32', writeOnnx(network)]]);
    const seconds: Record<string, number> = {};
    for (const [method, weightBits] of ours) {
      const start = performance.now();
      const quantised = await toInt8(network, {
        classifier,
        calibration: { count, method },
        weightBits,
        training: async () => training,
        signal: undefined,
        onProgress() {},
      });
      files.set(`Graft ${method} ${weightBits} bits`, writeOnnx(quantised));
      seconds[`Graft ${method} ${weightBits} bits`] = (performance.now() - start) / 1000;
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
  for (const name of ['fp32', 'Graft minmax 7 bits', 'Graft minmax 8 bits']) {
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
  const runners = await Promise.all(
    [...files].map(async ([name, file]) => {
      const optimised = join(scratch, 'optimised.onnx');
      const session = await openOnnx(file, { optimizedModelFilePath: optimised, logSeverityLevel: 3 });
      const operators = operatorsIn(readFileSync(optimised));
      return { name, file, session, operators, correct: 0, agreeing: 0, difference: 0, times: [] as number[] };
    }),
  );
  for (const [i, image] of images.entries()) {
    const feeds = networkFeeds(network, await classifier.view(image), classifier.preprocessing);
    // Each begins once, so that none always runs after the same one.
    const turn = [...runners.keys()].map((k) => runners[(k + i) % runners.length]!);
    const results = new Map<string, Float32Array>();
    for (const { name, session, times } of turn) {
      if (i === 0) await session.run(feeds);
      const start = performance.now();
      const { probabilities } = await session.run(feeds);
      times.push(performance.now() - start);
      results.set(name, probabilities!.data as Float32Array);
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
  const base = runners[0]!.times;
  return runners.map(({ name, file, operators, correct, agreeing, difference, times }) => ({
    name,
    correct,
    accuracy: correct / images.length,
    interval: wilsonInterval(correct, images.length),
    agreement: agreeing / images.length,
    difference: difference / images.length,
    bytes: file.length,
    milliseconds: median(times),
    speedup: median(times.map((time, i) => base[i]! / time)),
    operators,
  }));
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
  console.log('| | accuracy | as fp32 | mean difference | MB | ms | times as fast | \n|---|---|---|---|---|---|---|');
  for (const { name, accuracy, interval, agreement, difference, bytes, milliseconds, speedup } of study.rows) {
    const range = interval.map((end) => (100 * end).toFixed(1)).join(' to ');
    const cells = [
      name,
      `${(100 * accuracy).toFixed(1)} % (${range})`,
      `${(100 * agreement).toFixed(1)} %`,
      difference.toFixed(4),
      (bytes / 1e6).toFixed(2),
      milliseconds.toFixed(2),
      speedup.toFixed(2),
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
