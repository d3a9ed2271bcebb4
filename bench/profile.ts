/*
 * Where a training step spends its time, by ONNX operator and by operator with shapes, as ORT's own profiler counts it:
 *   npm run build && node dist/bench/profile.js [model] [optimizer] [--steps 5] [--rows 25] [--threads N]
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { OptimizerName } from '@graft-ml/core/optim';
import { createRuntime } from 'graft-ml/internal/runtime/index';
import { stepContender, stepGraph } from './classifier.ts';

/** The part of an event of ORT's profile (Chrome trace format) that is read here. */
interface KernelEvent {
  readonly cat: string;
  readonly name: string;
  /** Microseconds. */
  readonly dur: number;
  readonly args?: {
    readonly op_name?: string;
    readonly input_type_shape?: readonly Record<string, readonly number[]>[];
  };
}

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    steps: { type: 'string', default: '5' },
    rows: { type: 'string', default: '25' },
    threads: { type: 'string' },
  },
});
const [model = 'resnet18', optimizer = 'sgd'] = positionals as [string?, OptimizerName?];
const work = { model, optimizer, batchSize: 16, size: 224 };
const steps = Number(options.steps);
const threads = options.threads ? { threads: Number(options.threads) } : {};

// Lowerings are chosen first, by a runtime that is not profiled.
const tuner = createRuntime(threads);
await (await tuner.compile(stepGraph(work).outputs)).release();

const folder = mkdtempSync(join(tmpdir(), 'graft-profile-'));
const runtime = createRuntime({
  ...threads,
  choices: tuner.choices,
  cache: null,
  session: { enableProfiling: true, profileFilePrefix: join(folder, 'step') },
});
const contender = await stepContender(work, runtime);
await contender.time(steps + 1);
await contender.close(); // ORT writes the file when the session ends

const [file] = readdirSync(folder).sort((a, b) => statSync(join(folder, b)).size - statSync(join(folder, a)).size);
const events: KernelEvent[] = JSON.parse(readFileSync(join(folder, file!), 'utf8'));
rmSync(folder, { recursive: true });

const kernels = events.filter(({ cat, name }) => cat === 'Node' && name.endsWith('_kernel_time'));
const perStep = kernels.length / (steps + 1);
const counted = kernels.slice(perStep); // the first step finds cold memory
const shapes = ({ args }: KernelEvent) =>
  (args?.input_type_shape ?? []).map((input) => `[${Object.values(input)[0]}]`).join(' ');

console.log(`${model}, ${optimizer}: ${perStep} kernels a step, mean of ${steps} steps\n`);
table('operator', counted, ({ args }) => args!.op_name!);
table('operator and shapes', counted, (event) => `${event.args!.op_name} ${shapes(event)}`);

function table(title: string, all: readonly KernelEvent[], key: (event: KernelEvent) => string): void {
  const sums = new Map<string, { count: number; milliseconds: number }>();
  for (const event of all) {
    const { count, milliseconds } = sums.get(key(event)) ?? { count: 0, milliseconds: 0 };
    sums.set(key(event), { count: count + 1 / steps, milliseconds: milliseconds + event.dur / 1000 / steps });
  }
  const total = [...sums.values()].reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const sorted = [...sums].sort(([, a], [, b]) => b.milliseconds - a.milliseconds).slice(0, Number(options.rows));
  console.log(`| ms | share | calls | ${title} |\n|---|---|---|---|`);
  for (const [name, { count, milliseconds }] of sorted) {
    const share = ((100 * milliseconds) / total).toFixed(1);
    console.log(`| ${milliseconds.toFixed(1)} | ${share} % | ${Math.round(count)} | ${name} |`);
  }
  console.log(`| ${total.toFixed(1)} | | | all |\n`);
}
