import { fork } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createRuntime } from 'graft-ml/internal/runtime/index';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../../../test/images.ts';
import { randomStream } from '../base/random.ts';
import { input } from '../graph/index.ts';
import { conv2dWeightGrad } from '../ops/index.ts';
import { winner } from './timing.ts';
import { choiceKey } from './tuning.ts';

/**
 * A machine on which runs take known times. `steal` is what other processes take in addition, which the wall clock
 * counts and the processor's does not; both are a tenth off.
 */
function machine(truth: Readonly<Record<string, number>>, steal: (time: number) => number, seed: number) {
  const stream = randomStream(seed, 'machine');
  const spent = { wall: 0, processor: 0 };
  const runs: string[] = [];
  const run = async (name: string) => {
    const time = truth[name]! * (1 + 0.1 * stream.uniform());
    spent.processor += time;
    spent.wall += time + steal(time);
    runs.push(name);
  };
  return { spent, run, runs, stream };
}

const always = async () => true;
const kernels = { first: 100, second: 80, third: 200, fourth: 61 };
const names = Object.keys(kernels);
const seeds = Array.from({ length: 200 }, (_, seed) => seed);

describe('which candidate wins', () => {
  test('by processor time, always the fastest, however much other processes take', async () => {
    for (const seed of seeds) {
      const other = randomStream(seed, 'other');
      const { run, spent } = machine(kernels, (time) => (other.uniform() < 0.7 ? 8 * other.uniform() * time : 0), seed);
      const clock = { now: () => spent.processor, isUndisturbed: always };
      expect([seed, await winner(names, clock, run)]).toEqual([seed, 'fourth']);
    }
  });

  test('by the clock, from the rounds that were undisturbed; from none of the others', async () => {
    for (const seed of seeds) {
      const other = randomStream(seed, 'other');
      let isBusy = false;
      const { run, spent } = machine(kernels, (time) => (isBusy ? 8 * other.uniform() * time : 0), seed);
      const isUndisturbed = async () => {
        const was = isBusy;
        isBusy = other.uniform() < 0.2;
        return !was;
      };
      const found = await winner(names, { now: () => spent.wall, isUndisturbed }, run);
      expect([undefined, 'fourth']).toContain(found);
    }
  });

  test('by runs that find their own memory in the caches, not what another candidate left there', async () => {
    const spent = { processor: 0 };
    let last = '';
    const run = async (name: string) => {
      const [cold, warm] = { large: [130, 80], small: [105, 100] }[name]!;
      spent.processor += name === last ? warm! : cold!;
      last = name;
    };
    const clock = { now: () => spent.processor, isUndisturbed: always };
    expect(await winner(['small', 'large'], clock, run)).toBe('large');
  });

  test('none, where no round was undisturbed', async () => {
    const { run, spent } = machine(kernels, () => 0, 0);
    expect(await winner(names, { now: () => spent.wall, isUndisturbed: async () => false }, run)).toBeUndefined();
  });

  test('the first of those that are as good as equal, so that a repetition chooses alike', async () => {
    for (const seed of seeds) {
      const { run, spent } = machine({ a: 50, b: 25.2, c: 25 }, () => 0, seed);
      const now = () => spent.processor;
      const found = await winner(['a', 'b', 'c'], { now, isUndisturbed: always }, run);
      expect(['b', 'c']).toContain(found);
    }
    const { spent } = machine({}, () => 0, 0);
    const exact = async (name: string) => {
      spent.processor += { a: 50, b: 25.2, c: 25 }[name]!;
    };
    expect(await winner(['a', 'b', 'c'], { now: () => spent.processor, isUndisturbed: always }, exact)).toBe('b');
  });

  test('after few runs of what is far behind, and none where there is one candidate', async () => {
    const { run, runs, spent } = machine(kernels, () => 0, 0);
    const clock = { now: () => spent.processor, isUndisturbed: always };
    await winner(names, clock, run);
    expect(runs.filter((name) => name === 'third')).toHaveLength(1);
    runs.length = 0;
    expect([await winner(['only'], clock, run), runs]).toEqual(['only', []]);
  });
});

test('on a machine with twice as many busy processes as cores, nothing far behind is chosen', async () => {
  const burner = join(temporaryFolder(), 'burner.mjs');
  writeFileSync(
    burner,
    'process.on("disconnect", () => process.exit()); (function burn() { for (let i = 0; i < 1e7; i++); setImmediate(burn); })();',
  );
  const burners = Array.from({ length: 2 * availableParallelism() }, () => fork(burner));
  try {
    const geometry = { strides: [2, 2], pads: [0, 0, 0, 0], dilations: [1, 1], groups: 1 } as const;
    const value = conv2dWeightGrad(
      input('x', 'f32', [4, 64, 28, 28]),
      input('dy', 'f32', [4, 128, 14, 14]),
      geometry,
      [1, 1],
    );
    for (const threads of [1, 2]) {
      const runtime = createRuntime({ threads, cache: null });
      await (await runtime.compile({ y: value })).release();
      // A convolution with a kernel as large as its input: four times as slow for one tap.
      expect(runtime.choices[choiceKey(value)]).not.toBe('bigKernel');
    }
  } finally {
    for (const each of burners) each.kill();
  }
});
