import { mkdtempSync, readdirSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { input } from '@graft-ml/core/graph';
import { f32, type Tensors, tensor } from '@graft-ml/core/internal/base/tensor';
import { compileGathering } from '@graft-ml/core/internal/fit/compile-gathering';
import { bothSessions, type GatheringProgram } from '@graft-ml/core/internal/runtime/index';
import { add, matmul, reduceSum } from '@graft-ml/core/ops';
import Tinypool from 'tinypool';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createRuntime } from './index.ts';

const product = matmul(input('x', 'f32', [2, 3]), input('w', 'f32', [3, 300]));
// One sum that is large enough to be written over, and one that is not.
const large = matmul(input('y', 'f32', [300, 2]), product);
const outputs = {
  sums: {
    'sum/large': add(input('sum/large', 'f32', [300, 300]), large),
    'sum/small': add(input('sum/small', 'f32', []), reduceSum(product)),
  },
  results: { product },
};
const numbers = (count: number, seed: number) => Array.from({ length: count }, (_, i) => Math.sin(seed + i));
const values = (seed: number): Tensors => ({ w: f32([3, 300], numbers(900, seed)), 'not an input': f32([], [1]) });
const feeds = Array.from({ length: 4 }, (_, i) => ({
  x: f32([2, 3], numbers(6, 10 * i)),
  y: f32([300, 2], numbers(600, i)),
}));

const runtime = createRuntime({ cache: null, tune: false, threads: 2 });
const threads = runtime.backend.pair!;
let pair: GatheringProgram;
let alone: GatheringProgram;
beforeAll(async () => {
  pair = await compileGathering(runtime, outputs, threads);
  alone = await compileGathering(runtime, outputs, null);
});
afterAll(async () => {
  await pair.release();
  await alone.release();
});

/** The sums are a program's own: this keeps them. */
async function gathered(program: GatheringProgram, seed: number, all: readonly Tensors[] = feeds) {
  return structuredClone(await program.gather(values(seed), all));
}

test('each side adds up its half of the feeds, as one session does', async () => {
  const [here, there] = await gathered(pair, 1);
  expect([here]).toEqual(await gathered(alone, 1, feeds.slice(0, 2)));
  expect([there]).toEqual(await gathered(alone, 1, feeds.slice(2)));
  expect(here!.results).toHaveLength(2);
  expect(Object.keys(here!.results[0]!)).toEqual(['product']);
});

test('each call begins at zero, with the values as they are', async () => {
  const first = await gathered(pair, 1);
  expect(await gathered(pair, 2)).not.toEqual(first);
  expect(await gathered(pair, 1)).toEqual(first);
});

test('what no session adds up needs no sum to begin with', async () => {
  const once = { sums: { large, small: reduceSum(product) }, results: {} };
  const program = await compileGathering(runtime, once, threads);
  const two = feeds.slice(0, 2);
  const sides = [await gathered(pair, 1, two), await gathered(program, 1, two)].map((all) =>
    all.map(({ sums }) => Object.values(sums)),
  );
  expect(sides[1]).toEqual(sides[0]);
  await expect(program.gather(values(1), feeds)).rejects.toThrow('the sums of several feeds are not added');
  await program.release();
});

test('what is wrong with one side is an error of the call, and both go on', async () => {
  const first = await gathered(pair, 1);
  const { y } = feeds[0]!;
  for (const wrong of [
    [{ y }, feeds[1]!],
    [feeds[0]!, { y }],
  ]) {
    await expect(pair.gather(values(1), wrong)).rejects.toThrow('the feed "x" (f32[2,3]) is missing');
    expect(await gathered(pair, 1)).toEqual(first);
  }
});

test('of a batch its rows are sent, not the memory that they lie in', async () => {
  const memory = new Float32Array(1000).fill(Number.NaN);
  const rows = feeds.map(({ x, y }, i) => {
    const data = memory.subarray(6 * i, 6 * i + 6);
    data.set(x.data as Float32Array);
    return { x: tensor('f32', [2, 3], data), y };
  });
  const run = vi.spyOn(Tinypool.prototype, 'run');
  expect(await gathered(pair, 1, rows)).toEqual(await gathered(pair, 1));
  const { feeds: sent } = run.mock.calls[0]![0] as { feeds: Tensors[] };
  run.mockRestore();
  expect(sent).toHaveLength(2);
  // Moved: nothing of it is left here, and all of the batch's.
  for (const { x } of sent) expect(x!.data.length).toBe(0);
  expect(memory).toHaveLength(1000);
});

test('after release there is nothing to run, and no thread begins', async () => {
  const other = await compileGathering(runtime, outputs, threads);
  const run = vi.spyOn(Tinypool.prototype, 'run');
  await other.release();
  await other.release();
  run.mockClear();
  await expect(other.gather(values(1), feeds)).rejects.toThrow('the program was released');
  expect(run).not.toHaveBeenCalled();
  run.mockRestore();
});

test('a graph that does not load leaves neither session', async () => {
  const [destroy, release] = [vi.spyOn(Tinypool.prototype, 'destroy'), vi.fn(async () => {})];
  const graph = { model: Uint8Array.of(1, 2, 3), inputs: new Map(), outputs: new Map() };
  const open = () => threads.open(graph, { sums: [], overwritten: new Set(), isTimed: false });
  await expect(open()).rejects.toThrow(/model/i);
  expect(destroy).toHaveBeenCalledTimes(1);
  destroy.mockRestore();
  const session = { release, run: async () => {} };
  await expect(bothSessions(open(), Promise.resolve(session))).rejects.toThrow(/model/i);
  expect(release).toHaveBeenCalledTimes(1);
  const thread = { release, gather: vi.fn(), endTiming: vi.fn() };
  await expect(bothSessions(Promise.resolve(thread), threads.load(graph.model))).rejects.toThrow(/model/i);
  expect(release).toHaveBeenCalledTimes(2);
});

test('a timed session that is given up leaves no file behind', async () => {
  const graph = await runtime.encode({ ...outputs.sums, ...outputs.results });
  const folder = mkdtempSync(join(tmpdir(), 'gathering-'));
  vi.stubEnv('TMPDIR', folder);
  const thread = await threads.open(graph, { sums: Object.keys(outputs.sums), overwritten: new Set(), isTimed: true });
  vi.unstubAllEnvs();
  expect(readdirSync(folder)).toHaveLength(1);
  await thread.release();
  expect(readdirSync(folder)).toEqual([]);
  rmdirSync(folder);
  expect(await thread.endTiming()).toEqual([]);
});
