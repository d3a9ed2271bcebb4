import { expect, test } from 'vitest';
import { run, runtime, taskOf } from '../../../../test/toy-run.ts';
import { adamw } from '../optim/index.ts';
import { copy } from '../runtime/index.ts';
import { findLearningRate, type RangeStep } from './find-learning-rate.ts';
import { rangeRate, suggestLearningRates, usefulPart } from './learning-rate-curve.ts';

const options = { runtime: runtime(), from: 1e-6, to: 1e5 };

test('rates grow until the loss leaves the ground, and what is suggested trains', async () => {
  const steps: RangeStep[] = [];
  const curve = await findLearningRate(taskOf(), { ...options, onStep: (step) => steps.push(step) });
  expect(curve.rates).toEqual(curve.rates.map((_, step) => rangeRate(step, options)));
  expect(curve.rates.length).toBeLessThan(100);
  expect(steps.map(({ learningRate }) => learningRate).slice(0, curve.rates.length)).toEqual(curve.rates);
  expect(curve.losses.at(-1)!).toBeGreaterThan(4 * Math.min(...curve.losses));
  const suggestions = suggestLearningRates(usefulPart(curve, options));
  for (const [name, rate] of Object.entries(suggestions)) {
    expect(rate, name).toBeGreaterThan(1e-5);
    expect(rate, name).toBeLessThan(10);
  }
});

test('nothing of the task is changed: training afterwards is bit for bit as without', async () => {
  const task = taskOf({ average: 0.9 });
  const before = Object.fromEntries(Object.entries(task.initial).map(([name, value]) => [name, copy(value)]));
  const untested = await run(taskOf({ average: 0.9 }));
  await findLearningRate(task, options);
  expect(task.initial).toEqual(before);
  expect((await run(task)).store.last).toEqual(untested.store.last);
});

test('the same test twice gives the same curve; another optimizer another', async () => {
  const [first, second] = [await findLearningRate(taskOf(), options), await findLearningRate(taskOf(), options)];
  expect(second).toEqual(first);
  const decayed = await findLearningRate(taskOf({ optimizer: adamw({ weightDecay: 0.5 }) }), options);
  expect(decayed.losses).not.toEqual(first.losses);
});

test('the signal ends it', async () => {
  const controller = new AbortController();
  const onStep = ({ step }: RangeStep) => {
    if (step === 3) controller.abort();
  };
  await expect(findLearningRate(taskOf(), { ...options, signal: controller.signal, onStep })).rejects.toThrow('abort');
});
