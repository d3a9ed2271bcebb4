/*
 * Measures the choices of kernels that come with Graft, and writes them to assets/kernels/<instruction set>.json:
 *   npm run build && node dist/scripts/measure-kernels.js [--passes 3] [--threads 2]
 * They are timed by the clock, with so many threads, since some of ORT's kernels use one in any case; where the machine is
 * busy, by processor time on one thread. Meta-learning's are always timed on one, as its sessions have. A choice is kept
 * if more than half of the passes agree on it. What is in the file already is not measured again, unless a lowering has
 * come since that the shape can have; --anew measures all.
 */
import { mkdir } from 'node:fs/promises';
import { cpus } from 'node:os';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import type { Value } from '@graft-ml/core/graph';
import { formatOwnJson } from '@graft-ml/core/internal/base/own-json';
import { primitives } from '@graft-ml/core/internal/ops/index';
import type { Backend } from '@graft-ml/core/internal/runtime/backend';
import { timeAll } from '@graft-ml/core/internal/runtime/timing';
import { allCandidates, undecided, valueOfKey } from '@graft-ml/core/internal/runtime/tuning';
import { replaceFile } from 'graft-ml/internal/files/write';
import { cpuBackend } from 'graft-ml/internal/runtime/create';
import { ortVersion } from 'graft-ml/internal/runtime/ort';
import {
  instructionSet,
  readShipped,
  type Shipped,
  shippedPath,
  validChoices,
} from 'graft-ml/internal/runtime/shipped-choices';
import { stepGraph } from '../bench/classifier.ts';
import { metaStepWork, ofOneTask } from '../bench/meta-work.ts';

const models = [
  ...['squeezenet1_1', 'resnet18', 'resnet34', 'resnet50', 'mobilenet_v2', 'mobilenet_v3_small', 'efficientnet_b0'],
  ...['convnext_tiny', 'vit_b_32', 'swin_t', 'densenet121', 'vgg16', 'regnet_y_400mf'],
];
/** The fewer images, the more the transforms of weights count: other forms win. */
const batches = [16, 4];
const networks = [
  ...batches.flatMap((batchSize) => models.map((model) => ({ model, batchSize, size: 224 }))),
  ...['resnet18', 'resnet50'].map((model) => ({ model, batchSize: 1, size: 224 })),
];
/** Second-order MAML on conv-4 as `graft meta train` has it by default, a task at a time. */
const metaSides = [28, 84];

const { values: flags } = parseArgs({
  options: {
    passes: { type: 'string', default: '3' },
    threads: { type: 'string', default: '2' },
    anew: { type: 'boolean' },
  },
});
const passes = Number(flags.passes);
const backend = cpuBackend(Number(flags.threads));
const oneThread = cpuBackend(1);
const features = await backend.features();
const candidates = allCandidates(features);
const set = instructionSet(features);
const earlier = flags.anew ? undefined : await readShipped(set);
const choices: Record<string, string> = earlier ? holding(earlier) : {};

const done: Shipped['models'] = [];
for (const work of networks) {
  await measure(work, stepGraph({ ...work, optimizer: 'sgd' }).outputs);
}
for (const size of metaSides) {
  const shape = { way: 5, shots: 5, queries: 15 };
  const task = {
    threads: 1,
    tasks: 1,
    shape,
    innerSteps: 5,
    order: 2,
    filters: 32,
    halving: 'max-pool',
    side: size,
  } as const;
  await measure({ model: 'conv4', batchSize: shape.way * shape.shots, size }, ofOneTask(metaStepWork(task)), oneThread);
}

/** The choices of a file that were made among all lowerings that the shape can have today. */
function holding(shipped: Shipped): Record<string, string> {
  const hadAll = (key: string) => {
    const value = valueOfKey(key);
    const known = shipped.lowerings[key.split('(')[0]!] ?? [];
    return value !== undefined && candidates(value).every((name) => known.includes(name));
  };
  return Object.fromEntries(Object.entries(validChoices(shipped, ortVersion())).filter(([key]) => hadAll(key)));
}

/** Measures what is open in a graph. */
async function measure(
  work: Shipped['models'][number],
  outputs: Readonly<Record<string, Value>>,
  by = backend,
): Promise<void> {
  const open = undecided(Object.values(outputs), candidates, choices);
  const agreed = await agreement(work.model, open, by);
  Object.assign(choices, agreed);
  done.push(work);
  console.log(
    `${work.model}, batch ${work.batchSize}, ${work.size} px: ${open.size} shapes were open, ${Object.keys(agreed).length} choices agree`,
  );
  await write(); // what was measured is not lost
}

/** The choices that more than half of the passes make. */
async function agreement(name: string, open: ReadonlyMap<string, Value>, by: Backend): Promise<Record<string, string>> {
  const votes = new Map<string, string[]>([...open.keys()].map((key) => [key, []]));
  for (let pass = 1; pass <= passes; pass++) {
    // Where the first passes agree, the others would change nothing.
    const unsettled = new Map([...open].filter(([key]) => !majority(votes.get(key)!)));
    const found = await timeAll(unsettled, by, ({ done: at, total }) => {
      if (at % 20 === 0) console.error(`${name}, pass ${pass}: ${at} of ${total}`);
    });
    for (const [key, lowering] of Object.entries(found)) votes.get(key)!.push(lowering);
  }
  return Object.fromEntries([...votes].flatMap(([key, names]) => (majority(names) ? [[key, majority(names)!]] : [])));
}

function majority(names: readonly string[]): string | undefined {
  return names.find((name) => 2 * names.filter((other) => other === name).length > passes);
}

async function write(): Promise<void> {
  const names = new Set(Object.keys(choices).map((key) => key.split('(')[0]!));
  const shipped: Shipped = {
    machine: `${cpus()[0]!.model.trim()}, ${cpus().length} cores, ${process.platform}, ${set}`,
    onnxruntime: ortVersion(),
    measured: new Date().toISOString().slice(0, 10),
    models: done,
    lowerings: Object.fromEntries(
      [...names].sort().map((name) => [name, Object.keys(primitives().get(name)!.lowerings)]),
    ),
    choices: Object.fromEntries(Object.entries(choices).sort(([a], [b]) => (a < b ? -1 : 1))),
  };
  await mkdir(dirname(shippedPath(set)), { recursive: true });
  await replaceFile(shippedPath(set), formatOwnJson(shipped));
}
