import type { Value } from '@graft-ml/core/graph';
import { Runtime } from '@graft-ml/core/internal/runtime/runtime';
import { allCandidates, valueOfKey } from '@graft-ml/core/internal/runtime/tuning';
import { expect, test } from 'vitest';
import { cpuBackend } from './create.ts';
import { createRuntime } from './index.ts';
import { similarChoices } from './similar-choices.ts';

const attributes = (groups: number, kernel = 3, stride = 1) =>
  JSON.stringify({
    strides: [stride, stride],
    pads: [1, 1, 1, 1],
    dilations: [1, 1],
    groups,
    kernel: [kernel, kernel],
  });
const weightGrad = (batch: number, channels: number, side: number, rest = attributes(1)) =>
  `Conv2dWeightGrad(f32[${batch},${channels},${side},${side}], f32[${batch},${channels},${side},${side}]) ${rest}`;

/** The choice for a shape, with everything applicable where `usable` does not say otherwise. */
function choiceFor(key: string, known: Record<string, string>, usable = allCandidates(new Set())): string | undefined {
  const open = new Map<string, Value>([[key, valueOfKey(key)!]]);
  return similarChoices(open, known, usable)[key];
}

test('the nearest shape decides', () => {
  const known = {
    [weightGrad(16, 64, 56)]: 'shiftedMatMul',
    [weightGrad(16, 256, 14)]: 'bigKernel',
    [weightGrad(16, 512, 7)]: 'shiftedMatMul',
  };
  expect(choiceFor(weightGrad(4, 64, 56), known)).toBe('shiftedMatMul');
  expect(choiceFor(weightGrad(1, 256, 14), known)).toBe('bigKernel');
  expect(choiceFor(weightGrad(16, 240, 15), known)).toBe('bigKernel');
});

test('of two that are as near the larger decides, in whatever order they stand', () => {
  const [one, many] = [{ [weightGrad(1, 64, 56)]: 'bigKernel' }, { [weightGrad(16, 64, 56)]: 'shiftedMatMul' }];
  for (const known of [
    { ...one, ...many },
    { ...many, ...one },
  ]) {
    expect([1, 2, 4, 8].map((batch) => choiceFor(weightGrad(batch, 64, 56), known))).toEqual([
      'bigKernel',
      'bigKernel',
      'shiftedMatMul',
      'shiftedMatMul',
    ]);
  }
});

test('nothing carries over to what is too far away, or to convolutions of another kind', () => {
  const known = { [weightGrad(16, 64, 56)]: 'shiftedMatMul' };
  expect(choiceFor(weightGrad(512, 64, 56), known)).toBeUndefined();
  expect(choiceFor(weightGrad(16, 3, 12), known)).toBeUndefined();
  expect(choiceFor(weightGrad(16, 64, 56, attributes(64)), known)).toBeUndefined();
  const otherStride = `Conv2dWeightGrad(f32[16,64,56,56], f32[16,64,28,28]) ${attributes(1, 3, 2)}`;
  expect(choiceFor(otherStride, known)).toBeUndefined();
  expect(choiceFor(weightGrad(16, 64, 56), {})).toBeUndefined();
});

test('a lowering that the shape cannot have is passed over for the next', () => {
  const known = { [weightGrad(16, 64, 56)]: 'bigKernel', [weightGrad(8, 64, 56)]: 'shiftedMatMul' };
  expect(choiceFor(weightGrad(15, 64, 56), known, () => ['shiftedMatMul'])).toBe('shiftedMatMul');
  expect(choiceFor(weightGrad(15, 64, 56), known, () => ['bigKernel', 'shiftedMatMul'])).toBe('bigKernel');
});

test('a runtime times nothing that is similar to what is shipped, whatever was timed meanwhile', async () => {
  const events: unknown[] = [];
  const timed: Record<string, string> = { [weightGrad(3, 4, 6)]: 'shiftedMatMul' };
  const runtime = new Runtime(cpuBackend(1), {
    shipped: async () => ({ [weightGrad(2, 4, 6)]: 'bigKernel' }),
    similar: similarChoices,
    store: { load: async () => timed, save: async () => {} },
    onTuning: (event) => events.push(event),
  });
  for (const batch of [3, 4]) {
    await (await runtime.compile({ y: valueOfKey(weightGrad(batch, 4, 6))! })).release();
  }
  expect(events).toEqual([]);
  expect(runtime.choices).toEqual({ ...timed, [weightGrad(4, 4, 6)]: 'bigKernel' });
});

test('every shape is timed where that is asked for', async () => {
  const events: unknown[] = [];
  const runtime = createRuntime({ cache: null, threads: 1, exact: true, onTuning: (event) => events.push(event) });
  await (await runtime.compile({ y: valueOfKey(weightGrad(3, 4, 6))! })).release();
  expect(events.length).toBeGreaterThan(0);
});
