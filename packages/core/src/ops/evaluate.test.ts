import { createRuntime } from 'graft-ml/internal/runtime/index';
import { expect, test } from 'vitest';
import { relativeError } from '../../../../test/golden.ts';
import { apply, draw, everyExample } from '../../../../test/primitive-examples.ts';
import { tensor } from '../base/tensor.ts';
import { input } from '../graph/index.ts';
import { primitives } from './index.ts';

const foldable = everyExample().filter(([, primitive]) => primitives().get(primitive)!.evaluate);

test('shapes, choices and arithmetic are folded; convolutions are not', () => {
  const names = new Set(foldable.map(([, primitive]) => primitive));
  for (const name of ['Reshape', 'Gather', 'Concat', 'Mul', 'Where', 'Equal', 'ReduceMax'])
    expect(names).toContain(name);
  for (const name of ['Conv2d', 'MatMul', 'Softmax']) expect(names).not.toContain(name);
});

test.each(foldable)('%s is folded to what the runtime computes', async (name, primitive, example) => {
  const { y, inputs } = apply(primitive, example, input);
  const feeds = draw(name, example);
  const numbers = inputs.map(({ shape }, i) => ({ shape, numbers: Array.from(feeds[`x${i}`]!.data, Number) }));
  const program = await createRuntime({ cache: null, threads: 1 }).compile({ y });
  const results = await program.run(feeds);
  await program.release();
  const folded = primitives().get(primitive)!.evaluate!(numbers, y);
  expect(folded).toHaveLength(results.y!.data.length);
  const inDouble = (values: Iterable<number>) => tensor('f64', y.shape, Float64Array.from(values));
  expect(relativeError(inDouble(folded), inDouble(Array.from(results.y!.data, Number)))).toBeLessThan(1e-6);
});
