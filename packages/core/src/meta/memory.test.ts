import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { compileTask, conv4Network, innerRates, madeTask, maml, parametersOf, start } from '../../../../test/meta.ts';
import { input, type Value } from '../graph/index.ts';
import { add, exp, matmul, mul, reshape, transpose } from '../ops/index.ts';
import { type OuterLoss, peakBytes, sessionBytes, trainingGraph } from './index.ts';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** Resident bytes beside V8's own heap. */
function residentSize(): number {
  collectGarbage();
  collectGarbage();
  const { rss, heapTotal } = process.memoryUsage();
  return rss - heapTotal;
}

const median = (sizes: readonly number[]) => sizes.toSorted((a, b) => a - b)[sizes.length >> 1]!;

const shape = { way: 5, support: 25, queries: 75 };
const network = conv4Network(32, shape.way);

function graph(innerSteps: number, order: OuterLoss['order'], queries = shape.queries): Record<string, Value> {
  const learner = maml(network, { innerSteps, rates: innerRates(network, 0.01) });
  return trainingGraph(
    network,
    learner,
    { ...shape, queries },
    {
      trained: parametersOf(network),
      outer: { order, everyStep: false },
    },
  );
}

describe('what is alive at once', () => {
  const x = input('x', 'f32', [10, 10]); // 400 bytes, outside the session but there
  test('a chain works in one buffer', () => {
    expect(peakBytes([exp(mul(add(x, 1), 2))])).toBe(400 + 400 + 4);
  });
  test('what is needed later stays until then', () => {
    const early = exp(x);
    const late = transpose(matmul(early, x), [1, 0]);
    expect(peakBytes([matmul(early, late)])).toBe(400 + 3 * 400); // early, late, and what is made of them
    expect(peakBytes([matmul(early, late), early])).toBe(400 + 3 * 400);
  });
  test('a view takes nothing, and keeps what it looks at', () => {
    expect(peakBytes([exp(reshape(exp(x), [100]))])).toBe(400 + 400);
    expect(peakBytes([reshape(matmul(x, x), [4, 25])])).toBe(400 + 400);
  });
  test('equal nodes are one', () => {
    expect(peakBytes([matmul(exp(x), transpose(exp(x), [1, 0]))])).toBe(400 + 3 * 400);
  });
});

describe('an unrolled conv-4', () => {
  const peak = (steps: number, order: OuterLoss['order'], queries?: number) =>
    peakBytes(Object.values(graph(steps, order, queries)));

  test('of second order grows by the same with every inner step, of first order hardly', () => {
    const one = peak(1, 2);
    const three = peak(3, 2);
    const five = peak(5, 2);
    expect((five - three) / (three - one)).toBeCloseTo(1, 2);
    expect(five / one).toBeGreaterThan(2);
    expect(peak(5, 1) / peak(1, 1)).toBeLessThan(1.1);
  });
  test('with fewer queries takes less', () => {
    expect(peak(1, 2, 25)).toBeLessThan(0.8 * peak(1, 2));
  });
});

// Sizes waver by some 20 MB, so there is only said what a wrong estimate would miss.
test.each([
  [3, 1],
  [1, 2],
] as const)(
  'a real session of %i inner steps of order %i takes what was estimated, within a factor of 2',
  async (steps, order) => {
    const outputs = graph(steps, order);
    const feeds = { ...start(network), ...madeTask(shape, 0) };
    const before = residentSize();
    const program = await compileTask(outputs);
    const sizes: number[] = [];
    for (let run = 0; run < 5; run++) {
      await program.run(feeds);
      sizes.push(residentSize() - before);
    }
    await program.release();
    const ratio = median(sizes) / sessionBytes(outputs);
    expect(ratio).toBeGreaterThan(0.5);
    expect(ratio).toBeLessThan(2);
  },
);
