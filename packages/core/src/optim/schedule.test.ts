import { expect, test } from 'vitest';
import { golden } from '../../../../test/golden.ts';
import type { Schedule } from './schedule.ts';
import * as all from './schedule.ts';

const { withWarmup, constant, ...schedules } = all;

const { tensors, metadata } = golden('optim');
type Options = { readonly kind: string };
const table = JSON.parse(metadata.schedules!) as Record<string, Options>;
const warmups = JSON.parse(metadata.warmups!) as Record<string, { from: number; steps: number; then: Options }>;

/** The golden's names are those of the functions, but for two. */
const makers: Readonly<Record<string, (options: never) => Schedule>> = {
  ...schedules,
  constant: ({ learningRate }: { learningRate: number }) => constant(learningRate),
  step: schedules.stepDecay,
};
const make = ({ kind, ...options }: Options) => makers[kind]!(options as never);

const cases: Record<string, Schedule> = {
  ...Object.fromEntries(Object.entries(table).map(([name, options]) => [name, make(options)])),
  ...Object.fromEntries(
    Object.entries(warmups).map(([name, { then, ...options }]) => [name, withWarmup(make(then), options)]),
  ),
};

test.each(Object.entries(cases))('%s equals PyTorch’s', (name, schedule) => {
  const expected = [...tensors[`schedule/${name}`]!.data].map(Number);
  const losses = [...tensors.losses!.data].map(Number);
  const stepsPerEpoch = expected.length / losses.length;
  const actual = expected.map((_, step) => schedule(step, losses.slice(0, Math.floor(step / stepsPerEpoch))));
  const worst = Math.max(...actual.map((rate, step) => Math.abs(rate - expected[step]!)));
  expect(worst).toBeLessThan(1e-12);
  expect(actual).toHaveLength(50);
});

test('beyond its steps a schedule that comes to an end stays there', () => {
  const beyond = { learningRate: 1, steps: 10 };
  expect(schedules.cosine({ ...beyond, minimum: 0.25 })(1000, [])).toBe(0.25);
  expect(schedules.linear({ ...beyond, to: 0.5 })(1000, [])).toBe(0.5);
  expect(schedules.polynomial(beyond)(1000, [])).toBe(0);
  expect(schedules.oneCycle({ maximum: 1, steps: 10 })(1000, [])).toBeCloseTo(1 / 25 / 1e4, 12);
});
