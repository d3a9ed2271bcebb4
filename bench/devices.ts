/*
 * Every family of the zoo and MAML trained by `createRuntime({ device: 'webgpu' })` in Node, narrow and small: three steps of
 * an optimizer beside PyTorch's numbers, a meta-gradient beside the processor's, and where each primitive was computed. On
 * Chromium's SwiftShader, a program that stands for a GPU, it takes an hour, and times mean nothing.
 *   npm run build && VK_ICD_FILENAMES=/usr/lib/chromium/vk_swiftshader_icd.json node dist/bench/devices.js [name …]
 * Results go to bench/results/devices.json, each when it is there; those of other names stay. docs/webgpu.md has them.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import type { Value } from '@graft-ml/core/graph';
import { trainingGraph } from '@graft-ml/core/internal/meta/index';
import type { Choices, Placement } from '@graft-ml/core/runtime';
import { createRuntime, ortVersion } from 'graft-ml/internal/runtime/index';
import { defaultChoices } from '../test/default-choices.ts';
import { relativeError, tolerance } from '../test/golden.ts';
import { conv4Network, evaluateTask, madeTask, maml, parametersOf, start } from '../test/meta.ts';
import { type Difference, modelCases } from '../test/model-cases.ts';

/** One narrow model of each family. */
const families = [
  ...['conv4', 'squeezenet1_1', 'alexnet', 'resnet_basic', 'vit', 'mobilenet_v2', 'convnext', 'vgg_bn', 'resnet12'],
  ...['densenet', 'mobilenet_v3', 'efficientnet', 'regnet_y', 'efficientnet_v2', 'swin', 'inception', 'futurama_cnn'],
];

interface Row {
  readonly seconds: number;
  readonly compared: number;
  /** The difference that is nearest to its limit, or beyond it. */
  readonly worst: Difference;
  readonly primitives: number;
  /** How many primitives at their shapes are computed at each place. */
  readonly places: Readonly<Record<string, number>>;
  /** Those that are not wholly on the GPU, with how many shapes and why. */
  readonly elsewhere: Readonly<Record<string, number>>;
  readonly failed: string | null;
}

const file = 'bench/results/devices.json';
const before: { rows?: Record<string, Row> } = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
const rows: Record<string, Row> = { ...before.rows };

const runtimeOf = (choices: Choices) => createRuntime({ device: 'webgpu', cache: null, choices });

/** The row of a graph whose differences `compare` finds. */
async function rowOf(
  outputs: Readonly<Record<string, Value>>,
  compare: (program: Awaited<ReturnType<ReturnType<typeof runtimeOf>['compile']>>) => Promise<Difference[]>,
): Promise<Row> {
  const begun = performance.now();
  const runtime = runtimeOf(defaultChoices(outputs));
  const none: Difference = { what: '', error: 0, limit: 1 };
  let [found, failed]: [Difference[], string | null] = [[], null];
  try {
    await using program = await runtime.compile(outputs);
    found = await compare(program);
  } catch (error) {
    failed = (error as Error).message.split('\n')[0]!;
  }
  const counts = (keys: readonly string[]) =>
    Object.fromEntries([...new Set(keys)].sort().map((key) => [key, keys.filter((each) => each === key).length]));
  const reason = ({ primitive, place, refused }: Placement) =>
    `${primitive} (${place}): ${Object.values(refused)[0] ?? 'no kernel for all of it'}`;
  const { placements } = runtime;
  return {
    seconds: Math.round((performance.now() - begun) / 1000),
    compared: found.length,
    worst: found.reduce((a, b) => (b.error / b.limit > a.error / a.limit ? b : a), none),
    primitives: placements.length,
    places: counts(placements.map(({ place }) => place)),
    elsewhere: counts(placements.filter(({ place }) => place !== 'webgpu').map(reason)),
    failed,
  };
}

/** A meta-gradient of second order through one inner step of a narrow conv-4, beside the processor's. */
async function mamlRow(): Promise<Row> {
  const network = conv4Network(4, 3);
  const shape = { way: 3, support: 3, queries: 3 };
  const trained = parametersOf(network);
  const outputs = trainingGraph(network, maml(network, { innerSteps: 1 }), shape, {
    trained,
    outer: { order: 2, everyStep: false },
  });
  const feeds = { ...start(network), ...madeTask(shape, 0) };
  const expected = await evaluateTask(outputs, feeds);
  const gradients = Object.entries(expected).filter(([name]) => name.startsWith('gradient/'));
  const largest = Math.max(
    ...gradients.map(([, { data }]) => {
      let most = 0;
      for (const each of data) most = Math.max(most, Math.abs(Number(each)));
      return most;
    }),
  );
  // A bias before batch norm has no gradient but what rounding leaves of it: it is compared with the largest of all.
  const floorOf = (name: string) => (name.endsWith('.conv.bias') ? largest : 0.01);
  return rowOf(outputs, async (program) =>
    Object.entries(await program.run(feeds)).map(([what, actual]) => ({
      what,
      error: relativeError(actual, expected[what]!, floorOf(what)),
      limit: tolerance.model,
    })),
  );
}

async function modelRow(model: string): Promise<Row> {
  const steps = modelCases(model).find(({ name }) => name.startsWith('three steps'));
  if (!steps) throw new Error(`${model} has no training steps to compare with`);
  return rowOf(steps.outputs, (program) => steps.compare(program));
}

const wanted = process.argv.slice(2);
for (const name of wanted.length > 0 ? wanted : ['maml', ...families]) {
  rows[name] = name === 'maml' ? await mamlRow() : await modelRow(name);
  const record = {
    date: new Date().toISOString(),
    machine: `${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${process.platform} ${process.arch}`,
    driver: process.env.VK_ICD_FILENAMES ?? 'the system’s',
    onnxruntime: ortVersion(),
    node: process.versions.node,
    rows,
  };
  writeFileSync(file, `${JSON.stringify(record, null, 1)}\n`);
  const { worst, primitives, places, seconds, failed } = rows[name];
  console.log(
    `${name}: ${failed ?? `${worst.what} ${worst.error.toExponential(1)} of ${worst.limit}`}; ${primitives} primitives,`,
    places,
    `${seconds} s`,
  );
}
