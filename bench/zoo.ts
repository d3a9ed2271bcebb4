/*
 * Every model of the zoo beside torchvision's, with random weights that torchvision drew: the largest difference of the
 * logits, whether training steps lower the loss, and the time of a frozen forward pass and of a training step:
 *   npm run build && node dist/bench/zoo.js [pattern…] --python PATH [--blocks 2] [--again]
 * Results go to bench/results/zoo.json as they come; `node dist/scripts/zoo-table.js` makes docs/zoo.md of them.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { constant } from '@graft-ml/core/graph';
import { sizeOf, type Tensor, zeros } from '@graft-ml/core/internal/base/tensor';
import { imageNetwork } from '@graft-ml/core/internal/fit/network';
import { variablesOf } from '@graft-ml/core/internal/fit/step';
import { getModel, listArchitectures } from '@graft-ml/core/models';
import { readSafetensorsFile } from 'graft-ml/internal/checkpoint/safetensors-file';
import { createRuntime, ortVersion } from 'graft-ml/internal/runtime/index';
import picomatch from 'picomatch';
import { forwardProgram, stepContender, type Work } from './classifier.ts';
import { interleave, type Summary, summarise } from './harness.ts';
import { startPeer } from './peer.ts';

export interface ZooResult {
  readonly model: string;
  readonly parameters: number;
  readonly batchSize: number;
  readonly size: number;
  /** The largest difference of a logit from PyTorch's in double precision, over the largest logit. */
  readonly error: number;
  /** The same of PyTorch's in single precision. */
  readonly peerError: number;
  /** Of the batch, before the first step and before the last. */
  readonly losses: readonly [first: number, last: number];
  readonly forward: Summary;
  readonly step: Summary;
  readonly load: number;
  readonly date: string;
  readonly versions: Readonly<Record<string, unknown>>;
}

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    python: { type: 'string', default: 'python3' },
    blocks: { type: 'string', default: '2' },
    threads: { type: 'string', default: String(availableParallelism()) },
    again: { type: 'boolean', default: false },
    /** One model in this process, its result on stdout. */
    one: { type: 'boolean', default: false },
  },
});
const threads = Number(options.threads);
const blocks = Number(options.blocks);

/** At the size the weights are published for; large images one by one. */
function workOf(model: string): Work {
  const { crop } = getModel(model).preprocessing;
  return { model, optimizer: 'sgd', batchSize: crop > 300 ? 1 : 4, size: crop };
}

async function measure(model: string): Promise<ZooResult> {
  const work = workOf(model);
  const folder = mkdtempSync(join(tmpdir(), 'graft-zoo-'));
  const load = loadavg()[0]!;
  try {
    const peer = await startPeer(options.python, 'zoo.py', [
      ...['--model', model, '--batch-size', String(work.batchSize), '--size', String(work.size)],
      ...['--threads', String(threads), '--folder', folder],
    ]);
    const runtime = createRuntime({ threads });
    const { error, peerError, forward } = await compareForward(work, folder, (ours) =>
      interleave(ours, peer.named('forward'), { repetitions: 1, blocks, warmUp: 1 }),
    );
    const losses: number[] = [];
    const ours = await stepContender(work, runtime, { learningRate: 1e-3, onLoss: (loss) => losses.push(loss) });
    const step = summarise(await interleave(ours, peer.named('step'), { repetitions: 1, blocks, warmUp: 1 }));
    await ours.close();
    await peer.close();
    const versions = { ...ours.versions, onnxruntime: ortVersion(), ...peer.versions };
    const { batchSize, size } = work;
    const date = new Date().toISOString();
    return {
      ...{ model, parameters: parametersOf(model), batchSize, size, error, peerError },
      losses: [losses[0]!, losses.at(-1)!],
      ...{ forward, step, load, date, versions },
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

type Interleave = (ours: Awaited<ReturnType<typeof forwardProgram>>['contender']) => ReturnType<typeof interleave>;

/** Loads what torchvision drew, compares the logits, and times the two. */
async function compareForward(work: Work, folder: string, time: Interleave) {
  const { tensors: weights } = await readSafetensorsFile(join(folder, 'weights.safetensors'));
  const { tensors: reference } = await readSafetensorsFile(join(folder, 'run.safetensors'));
  const { contender, logits } = await forwardProgram(
    work,
    createRuntime({ threads }),
    ({ name, dtype, shape }) => constant(weights[name] ?? zeros(dtype, shape)),
    reference.images!,
  );
  const error = difference(await logits(), reference.exact!);
  const peerError = difference(reference.logits!, reference.exact!);
  const forward = summarise(await time(contender));
  await contender.close();
  return { error, peerError, forward };
}

function difference(actual: Tensor, expected: Tensor): number {
  const [a, b] = [actual.data as Float32Array, expected.data as Float32Array];
  const largest = b.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0) / largest;
}

function parametersOf(name: string): number {
  const model = getModel(name);
  const variables = [...variablesOf(imageNetwork(model, model.preprocessing, 1000)).values()];
  return variables.filter(({ kind }) => kind === 'parameter').reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}

/** torchvision has none of these: few-shot backbones, and variants for timm's weights, which differ in an epsilon. */
const withoutPeer = /conv4|^futurama|^resnet12|_timm$/;

const file = 'bench/results/zoo.json';

function readResults(): { machine: string; results: Record<string, ZooResult> } {
  const machine = `${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${process.platform} ${process.arch}`;
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { machine, results: {} };
}

/** Each model in a process of its own, so that none finds the memory of another, or its end. */
function measureAll(models: readonly string[]): void {
  mkdirSync('bench/results', { recursive: true });
  for (const [i, model] of models.entries()) {
    if (readResults().results[model] && !options.again) continue;
    const script = fileURLToPath(import.meta.url);
    const flags = ['--one', '--python', options.python, '--blocks', options.blocks, '--threads', options.threads];
    const { stdout, status, signal } = spawnSync(process.execPath, [script, model, ...flags], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (status !== 0) {
      console.log(`${model}: failed (${signal ?? `exit ${status}`})`);
      continue;
    }
    const result = JSON.parse(stdout) as ZooResult;
    const { machine, results } = readResults();
    writeFileSync(file, `${JSON.stringify({ machine, results: { ...results, [model]: result } }, null, 1)}\n`);
    const { error, peerError, forward, step, losses } = result;
    console.log(
      `${i + 1}/${models.length} ${model}: error ${error.toExponential(1)} (${peerError.toExponential(1)}), forward ${forward.ours.toFixed(0)} ms ` +
        `(${forward.ratio?.toFixed(2)}), step ${step.ours.toFixed(0)} ms (${step.ratio?.toFixed(2)}), ` +
        `loss ${losses.map((loss) => loss.toFixed(2)).join(' → ')}`,
    );
  }
}

if (options.one) {
  console.log(JSON.stringify(await measure(positionals[0]!)));
} else {
  const wanted = picomatch(positionals.length > 0 ? positionals : ['*']);
  measureAll(listArchitectures().filter((name) => !withoutPeer.test(name) && wanted(name)));
}
