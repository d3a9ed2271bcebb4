import { input } from '@graft-ml/core/graph';
import { f32, type Tensors } from '@graft-ml/core/internal/base/tensor';
import { inSequence, type ParallelProgram } from '@graft-ml/core/internal/runtime/index';
import { add, matmul, tanh } from '@graft-ml/core/ops';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRuntime, openProgramPool } from './index.ts';

const outputs = {
  y: tanh(add(matmul(input('x', 'f32', [2, 3]), input('w', 'f32', [3, 4])), input('b', 'f32', [4]))),
};
const numbers = (count: number, seed: number) => Array.from({ length: count }, (_, i) => Math.sin(seed + i));
const shared = (seed: number): Tensors => ({ w: f32([3, 4], numbers(12, seed)), b: f32([4], numbers(4, seed + 1)) });
const feeds = Array.from({ length: 7 }, (_, i) => ({ x: f32([2, 3], numbers(6, 10 * i)) }));

const runtime = createRuntime({ cache: null, threads: 1 });
let pool: ParallelProgram;
let alone: ParallelProgram;
beforeAll(async () => {
  pool = await openProgramPool(await runtime.encode(outputs), { threads: 2, shared: ['w', 'b', 'not an input'] });
  alone = inSequence(await runtime.compile(outputs));
});
afterAll(async () => {
  await pool.release();
  await alone.release();
});

test('gives what one session gives, in the order of the feeds', async () => {
  expect(await pool.runAll(shared(1), feeds)).toEqual(await alone.runAll(shared(1), feeds));
});

test('fewer tasks at once than threads: sessions of several threads, which give the same', async () => {
  const graph = await runtime.encode(outputs);
  await using one = await openProgramPool(graph, { threads: 3, atOnce: 1, shared: ['w', 'b'] });
  expect(await one.runAll(shared(1), feeds)).toEqual(await alone.runAll(shared(1), feeds));
});

test('sees what is shared as it is at each call', async () => {
  const [first, second] = [await pool.runAll(shared(1), feeds), await pool.runAll(shared(2), feeds)];
  expect(second).toEqual(await alone.runAll(shared(2), feeds));
  expect(second).not.toEqual(first);
  expect(await pool.runAll(shared(1), feeds)).toEqual(first);
});

test('a feed that is missing is an error of the call, and the threads go on', async () => {
  await expect(pool.runAll(shared(1), [{}])).rejects.toThrow('run: the feed "x" (f32[2,3]) is missing');
  expect(await pool.runAll(shared(1), feeds)).toHaveLength(7);
});

test('after release there is nothing to run', async () => {
  const other = await openProgramPool(await runtime.encode(outputs), { threads: 1, shared: ['w', 'b'] });
  await other.release();
  await other.release();
  await expect(other.runAll(shared(1), feeds)).rejects.toThrow('runAll: the program was released');
});
