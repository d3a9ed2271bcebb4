/*
 * ORT's WebGPU kernels behind `createRuntime({ device: 'webgpu' })`, in Chromium on whatever GPU it has, else on the
 * program that stands for one (SwiftShader): every op in every lowering that is used there and every narrow model of the
 * zoo beside PyTorch's numbers, every primitive and a few training steps beside Node's, and where each primitive was
 * computed.
 *   npm run build && nice node dist/bench/webgpu.js
 * Results go to bench/results/webgpu.json, and as tables to the terminal; docs/webgpu.md has them.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { input, type Value } from '@graft-ml/core/graph';
import type { Choices, Placement } from '@graft-ml/core/runtime';
import { createRuntime, ortVersion } from 'graft-ml/internal/runtime/index';
import { preview } from 'vite';
import { buildPage, launch } from '../test/browser/chromium.ts';
import { adapterOf, compileThere, type RemoteProgram } from '../test/browser/gpu/remote.ts';
import { trainConv4 } from '../test/conv4-steps.ts';
import { defaultChoices } from '../test/default-choices.ts';
import { relativeError, tolerance } from '../test/golden.ts';
import { type Difference, modelCases } from '../test/model-cases.ts';
import { narrowModels } from '../test/narrow-models.ts';
import { everyChoice, graphOf, opCases, referenceOf } from '../test/op-cases.ts';
import { apply, draw, everyExample } from '../test/primitive-examples.ts';

type Outputs = Readonly<Record<string, Value>>;

/** What was compared of one op or model. */
interface Row {
  readonly name: string;
  readonly compared: number;
  /** The difference that is nearest to its limit, or beyond it. */
  readonly worst: Difference;
  /** What could not be run at all. */
  readonly failed: string | null;
}

/** Of one primitive at all its shapes. */
interface PrimitiveRow {
  readonly primitive: string;
  readonly shapes: number;
  readonly places: Readonly<Record<string, number>>;
  /** Of the lowerings in use, from WASM. */
  readonly worst: number;
  readonly refused: readonly { readonly lowering: string; readonly shapes: number; readonly reason: string }[];
}

const placements = new Map<string, Placement>();
const folder = mkdtempSync(join(tmpdir(), 'graft-webgpu-'));
await buildPage(folder, resolve('test/browser/gpu'));
const server = await preview({ configFile: false, build: { outDir: folder }, preview: { port: 0 } });
const browser = await launch({ gpu: true });
const page = await browser.newPage();
await page.goto(server.resolvedUrls!.local[0]!);
const adapter = await adapterOf(page);
if (adapter === undefined) throw new Error('Chromium has no WebGPU adapter here.');

async function compile(
  outputs: Outputs,
  choices: Choices = defaultChoices(outputs),
): Promise<RemoteProgram['program']> {
  const remote = await compileThere(page, outputs, { choices });
  for (const each of remote.placements) placements.set(`${each.key} ${each.lowering}`, each);
  return remote.program;
}

/** The row of something whose differences `compare` finds. */
async function rowOf(name: string, compare: () => Promise<Difference[]>): Promise<Row> {
  const none: Difference = { what: '', error: 0, limit: 1 };
  try {
    const found = await compare();
    const worst = found.reduce((a, b) => (b.error / b.limit > a.error / a.limit ? b : a), none);
    return { name, compared: found.length, worst, failed: null };
  } catch (error) {
    return { name, compared: 0, worst: none, failed: (error as Error).message.split('\n')[0]! };
  }
}

const isRight = ({ worst, failed }: Row) => failed === null && worst.error < worst.limit;

async function ops(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const c of opCases) {
    const { outputs, feeds } = graphOf(c);
    const row = await rowOf(c.name, async () => {
      const found: Difference[] = [];
      for (const choices of everyChoice(outputs)) {
        const program = await compile(outputs, choices);
        const results = await program.run(feeds);
        await program.release();
        for (const [what, actual] of Object.entries(results)) {
          const { expected, limit } = referenceOf(c, what);
          found.push({ what, error: relativeError(actual, expected!), limit });
        }
      }
      return found;
    });
    rows.push(row);
    if (!isRight(row)) console.error(row);
  }
  return rows;
}

/** Every primitive by itself in every lowering that is used there, beside ORT's processor kernels in Node. */
async function examples(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [name, primitive, example] of everyExample()) {
    const { y } = apply(primitive, example, input);
    const feeds = draw(name, example);
    const inNode = await createRuntime({ cache: null, threads: 1, choices: defaultChoices({ y }) }).compile({ y });
    const expected = (await inNode.run(feeds)).y!;
    await inNode.release();
    const row = await rowOf(name, async () => {
      const found: Difference[] = [];
      for (const choices of everyChoice({ y })) {
        const program = await compile({ y }, choices);
        const { y: actual } = await program.run(feeds);
        await program.release();
        found.push({ what: 'y', error: relativeError(actual!, expected), limit: tolerance.value });
      }
      return found;
    });
    rows.push(row);
    if (!isRight(row)) console.error(row);
  }
  return rows;
}

async function models(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const model of Object.keys(narrowModels)) {
    const row = await rowOf(model, async () => {
      const found: Difference[] = [];
      for (const { name, outputs, compare } of modelCases(model)) {
        const program = await compile(outputs);
        for (const each of await compare(program)) found.push({ ...each, what: `${name}: ${each.what}` });
        await program.release();
      }
      return found;
    });
    rows.push(row);
    console.error(row);
  }
  return rows;
}

/** Steps of conv4 on drawn images of 28 pixels, here and in Node. */
async function steps() {
  const inNode = await trainConv4((choices) => createRuntime({ cache: null, threads: 1, choices }), { steps: 10 });
  const here = await trainConv4((choices) => ({ compile: (outputs) => compile(outputs, choices) }), { steps: 10 });
  const losses = here.losses.map((loss, i) => Math.abs(loss / inNode.losses[i]! - 1));
  const variables = Object.entries(inNode.variables).map(([name, each]) =>
    relativeError(here.variables[name]!, each, 0.01),
  );
  return {
    model: 'conv4, 32 filters, 28 px, batch 8, SGD',
    losses: here.losses,
    lossError: Math.max(...losses),
    variableError: Math.max(...variables),
  };
}

function byPrimitive(all: readonly Placement[]): PrimitiveRow[] {
  return [...new Set(all.map(({ primitive }) => primitive))].sort().map((primitive) => {
    const group = all.filter((each) => each.primitive === primitive);
    const shapes = new Map(group.map((each) => [each.key, each]));
    const refused = [...shapes.values()].flatMap((each) => Object.entries(each.refused));
    const lowerings = [...new Set(refused.map(([lowering]) => lowering))];
    const places: Record<string, number> = {};
    for (const { place } of group) places[place] = (places[place] ?? 0) + 1;
    return {
      primitive,
      shapes: shapes.size,
      places,
      worst: Math.max(...group.map(({ error }) => error)),
      refused: lowerings.map((lowering) => {
        const reasons = refused.flatMap(([name, reason]) => (name === lowering ? [reason] : []));
        return { lowering, shapes: reasons.length, reason: reasons[0]! };
      }),
    };
  });
}

async function timed<T>(work: () => Promise<T>): Promise<{ readonly seconds: number; readonly result: T }> {
  const start = performance.now();
  const result = await work();
  return { seconds: Math.round((performance.now() - start) / 1000), result };
}

const opRows = await timed(ops);
const exampleRows = await timed(examples);
const modelRows = await timed(models);
const training = await timed(steps);
const record = {
  date: new Date().toISOString(),
  machine: `${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${process.platform} ${process.arch}`,
  browser: `Chromium ${browser.version()}`,
  adapter,
  onnxruntime: ortVersion(),
  seconds: {
    ops: opRows.seconds,
    primitives: exampleRows.seconds,
    models: modelRows.seconds,
    training: training.seconds,
  },
  ops: opRows.result,
  primitives: exampleRows.result,
  models: modelRows.result,
  training: training.result,
  placements: byPrimitive([...placements.values()]),
};
writeFileSync('bench/results/webgpu.json', `${JSON.stringify(record, null, 1)}\n`);
await browser.close();
await server.close();
rmSync(folder, { recursive: true });

const number = (value: number) => value.toExponential(1);
for (const [name, rows] of [
  ['ops', record.ops],
  ['primitives', record.primitives],
  ['models', record.models],
] as const) {
  console.log(`\n${rows.filter(isRight).length} of ${rows.length} ${name} are right\n`);
  console.log('| | numbers compared | nearest to its limit | error | limit |\n|---|---:|---|---:|---:|');
  for (const { name: of, compared, worst, failed } of rows.filter((row) => name === 'models' || !isRight(row))) {
    console.log(`| ${of} | ${compared} | ${failed ?? worst.what} | ${number(worst.error)} | ${number(worst.limit)} |`);
  }
}
console.log(
  `\n${record.training.model}: losses to ${number(record.training.lossError)}, weights to ${number(record.training.variableError)}`,
);
console.log('\n| primitive | shapes | where | from WASM | refused |\n|---|---:|---|---:|---|');
for (const { primitive, shapes, places, worst, refused } of record.placements) {
  const where = Object.entries(places).map(([place, count]) => `${count} ${place}`);
  const reasons = refused.map(({ lowering, shapes: count, reason }) => `${lowering} at ${count}: ${reason}`);
  console.log(`| ${primitive} | ${shapes} | ${where.join(', ')} | ${number(worst)} | ${reasons.join('; ')} |`);
}
