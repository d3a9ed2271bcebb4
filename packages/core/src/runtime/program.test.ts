import { describe, expect, test } from 'vitest';
import { compile, numbers } from '../../../../test/run.ts';
import { f32, i64, zeros } from '../base/tensor.ts';
import { input } from '../graph/index.ts';
import { add, cast, greater, mul } from '../ops/index.ts';
import { copy, State, scalar } from './index.ts';

const a = input('a', 'f32', [2, 2]);
const b = input('b', 'f32', [2]);
const feeds = { a: f32([2, 2], [1, 2, 3, 4]), b: f32([2], [10, 20]) };

describe('Program.run', () => {
  test('feeds in, results out, types as declared', async () => {
    const program = await compile({ sum: add(a, b), positive: greater(a, 2), whole: cast(a, 'i64') });
    expect([...program.inputs.keys()]).toEqual(['a', 'b']);
    expect([...program.outputs.keys()]).toEqual(['sum', 'positive', 'whole']);
    const results = await program.run(feeds);
    expect(results.sum).toEqual(f32([2, 2], [11, 22, 13, 24]));
    expect(results.positive).toEqual({ dtype: 'bool', shape: [2, 2], data: Uint8Array.of(0, 0, 1, 1) });
    expect(results.whole).toEqual(i64([2, 2], [1, 2, 3, 4]));
    await program.release();
  });

  test.each([
    ['a feed is missing', { a: feeds.a }, {}, 'run: the feed "b" (f32[2]) is missing'],
    [
      'another shape',
      { ...feeds, b: f32([3], [1, 2, 3]) },
      {},
      'run: the feed "b" is f32[3], the graph was compiled for f32[2]',
    ],
    [
      'another type',
      { ...feeds, b: i64([2], [1, 2]) },
      {},
      'run: the feed "b" is i64[2], the graph was compiled for f32[2]',
    ],
    [
      'an output of another shape',
      feeds,
      { y: zeros('f32', [4]) },
      'run: the output "y" is f32[4], the graph was compiled for f32[2,2]',
    ],
  ])('%s', async (_name, wrong, into, message) => {
    const program = await compile({ y: add(a, b) });
    await expect(program.run(wrong, into)).rejects.toThrow(message);
    expect(numbers((await program.run(feeds)).y)).toEqual([11, 22, 13, 24]); // it is still good
    await program.release();
  });

  test('feeds that the graph does not use are passed over', async () => {
    const program = await compile({ y: mul(a, 2) });
    expect(numbers((await program.run({ ...feeds, c: f32([1], [1]) })).y)).toEqual([2, 4, 6, 8]);
    await program.release();
  });

  test('an output is written into the memory that was given for it, every time', async () => {
    const program = await compile({ y: add(a, b), z: mul(a, b) });
    const y = zeros('f32', [2, 2]);
    const { data } = y;
    for (const factor of [1, 2, 3]) {
      const results = await program.run({ a: f32([2, 2], [factor, 0, 0, 0]), b: feeds.b }, { y });
      expect(results.y).toBe(y);
      expect(y.data).toBe(data);
      expect([...data]).toEqual([10 + factor, 20, 10, 20]);
      expect(numbers(results.z)).toEqual([10 * factor, 0, 0, 0]);
    }
    await program.release();
  });

  test('results that were not asked into memory are new each time, and stay as they are', async () => {
    const program = await compile({ y: mul(a, 2) });
    const first = await program.run(feeds);
    const second = await program.run({ a: f32([2, 2], [0, 0, 0, 0]) });
    expect(second.y!.data).not.toBe(first.y!.data);
    expect(numbers(first.y)).toEqual([2, 4, 6, 8]);
    await program.release();
  });

  test('feeds are read where they lie: a change of the numbers is a change of the input', async () => {
    const program = await compile({ y: mul(a, 2) });
    const own = copy(feeds.a);
    await program.run({ a: own });
    own.data.fill(5 as never);
    expect(numbers((await program.run({ a: own })).y)).toEqual([10, 10, 10, 10]);
    await program.release();
  });

  test('release is idempotent, and a released program says so', async () => {
    const program = await compile({ y: mul(a, 2) });
    await program.release();
    await program.release();
    await expect(program.run(feeds)).rejects.toThrow('run: the program was released');
  });
});

describe('State', () => {
  const w = input('w', 'f32', [3]);
  const rate = input('rate', 'f32', []);
  const initial = { w: f32([3], [1, 2, 3]), kept: f32([1], [7]) };

  test('two buffers change places at each step; a part that is not written stays', async () => {
    const program = await compile({ w: mul(w, rate), before: add(w, 0) });
    const state = new State(initial);
    const first = state.current.w!;
    expect(first.data).not.toBe(initial.w.data);
    expect(await state.step(program, { rate: scalar(2) })).toEqual({ before: f32([3], [1, 2, 3]) });
    const second = state.current.w!;
    expect(second.data).not.toBe(first.data);
    expect([numbers(first), numbers(second)]).toEqual([
      [1, 2, 3],
      [2, 4, 6],
    ]);
    await state.step(program, { rate: scalar(10) });
    expect(state.current.w).toBe(first);
    expect(numbers(first)).toEqual([20, 40, 60]);
    await state.step(program, { rate: scalar(0) });
    expect(state.current.w).toBe(second);
    expect(numbers(state.current.kept)).toEqual([7]);
    expect(numbers(initial.w)).toEqual([1, 2, 3]);
    await program.release();
  });

  test('a step that only reads leaves the state', async () => {
    const program = await compile({ sum: add(w, 1) });
    const state = new State(initial);
    const { w: before } = state.current;
    expect(numbers((await state.step(program, {})).sum)).toEqual([2, 3, 4]);
    expect(state.current.w).toBe(before);
    await program.release();
  });

  test('a step that fails leaves the state', async () => {
    const program = await compile({ w: mul(w, rate) });
    const state = new State(initial);
    await expect(state.step(program, {})).rejects.toThrow('the feed "rate" (f32[]) is missing');
    expect(numbers(state.current.w)).toEqual([1, 2, 3]);
    await program.release();
  });
});
