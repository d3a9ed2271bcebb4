/*
 * A step of meta-training (MAML on conv-4, 28 px, 5-way) in three forms, beside PyTorch and learn2learn, all in turn in
 * one run:
 *   npm run build && node dist/bench/meta-step.js --python PATH [--blocks 7] [--repetitions 2] [--threads 2]
 *     [--filters 32] [--shots 5] [--queries 15] [--steps 5] [--tasks 4] [--stride] [--first-order] [--name meta-step]
 * PATH has PyTorch and, to be compared with, learn2learn (see peer/maml.py). Results go to bench/results/NAME.json.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { ortVersion } from 'graft-ml/internal/runtime/index';
import { type Contender, median, takeTurns } from './harness.ts';
import { contenderOf, type Form, formsOf, gradientsOf, metaStepWork } from './meta-work.ts';
import { type Peer, startPeer } from './peer.ts';

const { values: options } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    blocks: { type: 'string', default: '7' },
    repetitions: { type: 'string', default: '2' },
    threads: { type: 'string', default: String(availableParallelism()) },
    filters: { type: 'string', default: '32' },
    shots: { type: 'string', default: '5' },
    queries: { type: 'string', default: '15' },
    steps: { type: 'string', default: '5' },
    tasks: { type: 'string', default: '4' },
    stride: { type: 'boolean', default: false },
    'first-order': { type: 'boolean', default: false },
    name: { type: 'string', default: 'meta-step' },
  },
});
const work = metaStepWork({
  threads: Number(options.threads),
  tasks: Number(options.tasks),
  shape: { way: 5, shots: Number(options.shots), queries: Number(options.queries) },
  innerSteps: Number(options.steps),
  order: options['first-order'] ? 1 : 2,
  filters: Number(options.filters),
  halving: options.stride ? 'stride' : 'max-pool',
});

const lengthOf = (values: Float64Array) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));

async function startPeers(): Promise<Peer | undefined> {
  const { filters, shots, queries, stride } = options;
  const flags = { filters, shots, queries, steps: options.steps, tasks: options.tasks, threads: options.threads };
  try {
    return await startPeer(options.python, 'maml.py', [
      ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]),
      ...(stride ? ['--stride'] : []),
      ...(work.order === 1 ? ['--first-order'] : []),
    ]);
  } catch (error) {
    console.log(`Graft alone: to compare, give a Python with PyTorch, --python PATH. (${(error as Error).message})`);
    return undefined;
  }
}

const load = loadavg()[0]!;
const { threads, tasks, shape, innerSteps, order, filters, halving, side } = work;
const words =
  `one outer step of MAML, ${order === 2 ? 'second' : 'first'} order: conv-4, ${filters} filters, ${halving}, ${side} px; ` +
  `5-way ${shape.shots}-shot, ${shape.queries} queries of each class, ${innerSteps} inner steps, ${tasks} tasks, Adam; ${threads} threads`;
console.log(words);
if (load > 1) console.log(`The machine is busy (load ${load.toFixed(1)}): repeat this when it is not.`);

const contenders: Record<string, Contender> = {};
const ours: Record<string, Form['seconds'] & { difference: number }> = {};
let first: Float64Array | undefined;
for (const [name, make] of Object.entries(formsOf(work))) {
  const form = await make();
  const gradients = await gradientsOf(work, form);
  first ??= gradients;
  const difference = lengthOf(gradients.map((value, i) => value - first![i]!)) / lengthOf(first);
  ours[name] = { ...form.seconds, difference };
  contenders[name] = await contenderOf(work, form);
}
const peer = await startPeers();
const peerNames = (peer?.versions.named ?? []) as string[];
for (const name of peerNames) contenders[name] = peer!.named(name);

const milliseconds = await takeTurns(contenders, {
  repetitions: Number(options.repetitions),
  blocks: Number(options.blocks),
});
for (const contestant of Object.values(contenders)) await contestant.close();
await peer?.close();

const ratioTo = (name: string, other: string) =>
  median(milliseconds[name]!.map((block, i) => median(block) / median(milliseconds[other]![i]!)));
const summary = Object.fromEntries(
  Object.keys(contenders).map((name) => [
    name,
    {
      median: median(milliseconds[name]!.flat()),
      fastest: Math.min(...milliseconds[name]!.flat()),
      ratios: Object.fromEntries(peerNames.map((other) => [other, ratioTo(name, other)])),
      ...ours[name],
    },
  ]),
);

console.log(
  `| | median ms | fastest ms |${peerNames.map((name) => ` / ${name} |`).join('')} graph, encode, sessions: s |`,
);
console.log(`|---|---|---|${peerNames.map(() => '---|').join('')}---|`);
for (const [name, { median: middle, fastest, ratios, ...made }] of Object.entries(summary)) {
  const shares = Object.values(ratios).map((ratio) => ` ${ratio.toFixed(2)} |`);
  const start =
    made.graph === undefined ? '' : [made.graph, made.encode!, made.sessions!].map((s) => s.toFixed(2)).join(', ');
  console.log(`| ${name} | ${middle.toFixed(0)} | ${fastest.toFixed(0)} |${shares.join('')} ${start} |`);
}

const machine = `${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${process.platform} ${process.arch}`;
const versions = { node: process.version, onnxruntime: ortVersion(), ...peer?.versions };
const record = {
  name: options.name,
  work: words,
  date: new Date().toISOString(),
  machine,
  threads,
  load,
  versions,
  summary,
};
mkdirSync('bench/results', { recursive: true });
writeFileSync(`bench/results/${options.name}.json`, `${JSON.stringify({ ...record, milliseconds }, null, 1)}\n`);
