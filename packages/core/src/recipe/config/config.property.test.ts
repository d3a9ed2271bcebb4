import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seeded } from '../../../../../test/arbitrary.ts';
import { parseConfig, resolveConfig, scheduleOf } from './index.ts';
import { scheduleNames } from './schedule.ts';

describe('a learning rate', () => {
  it.each(scheduleNames)('of the schedule %s is a number between 0 and its peak in every step', (schedule) => {
    const options = fc.record({
      epochs: fc.integer({ min: 1, max: 12 }),
      perEpoch: fc.integer({ min: 1, max: 6 }),
      warmup: fc.option(fc.constantFrom(0, 0.25, 0.5, 1, 2, 3)),
      learningRate: fc.double({ min: 1e-6, max: 10, noNaN: true }),
    });
    fc.assert(
      fc.property(options, ({ epochs, perEpoch, warmup, learningRate }) => {
        if (warmup !== null && warmup >= epochs) return;
        const steps = epochs * perEpoch;
        const config = resolveConfig(parseConfig({ model: 'conv4', schedule, epochs, warmup, learningRate }));
        const rate = scheduleOf(config)(steps);
        const losses = Array.from({ length: epochs }, (_, i) => 1 / (1 + (i % 3)));
        for (let step = 0; step < steps; step++) {
          const value = rate(step, losses.slice(0, Math.floor(step / perEpoch)));
          expect(Number.isFinite(value), `step ${step} of ${steps}: ${value}`).toBe(true);
          expect(value).toBeGreaterThanOrEqual(-1e-12 * learningRate);
          expect(value).toBeLessThanOrEqual(learningRate * (1 + 1e-9));
        }
      }),
      seeded(150),
    );
  });
});
