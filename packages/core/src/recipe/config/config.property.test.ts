import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyName, mutantOf, seeded } from '../../../../../test/arbitrary.ts';
import { UserError } from '../../base/errors.ts';
import { parseConfig, resolveConfig, scheduleOf, trainConfigSchema } from './index.ts';
import { scheduleNames } from './schedule.ts';
import { formatConfig, parseConfigText, trainTable } from './text.ts';

const usual = parseConfig({ model: 'conv4' });

describe('a configuration as text', () => {
  it('is read back as it was written, whatever its texts say', () => {
    const texts = ['freeze', 'train', 'out', 'rates', 'unfreeze'].filter((key) => key in trainConfigSchema.shape);
    const anyConfig = fc.record({
      learningRate: fc.option(fc.double({ min: 1e-12, max: 1e3, noNaN: true })),
      seed: fc.nat(),
      epochs: fc.option(fc.integer({ min: 1, max: 1000 })),
      weights: fc.option(anyName()),
      ...Object.fromEntries(texts.map((key) => [key, fc.option(anyName())])),
    });
    fc.assert(
      fc.property(anyConfig, (changes) => {
        const config = { ...usual, ...changes };
        const text = formatConfig(config);
        let read: Record<string, unknown>;
        try {
          read = parseConfigText(text, 'x.yaml');
        } catch (error) {
          // What an option refuses on the command line it refuses here: but then by a sentence.
          if (error instanceof UserError) return;
          throw error;
        }
        for (const [key, value] of Object.entries(config)) if (key in read) expect(read[key], key).toEqual(value);
        expect(Object.keys(read).sort()).toEqual(
          Object.values(trainTable.groups)
            .flatMap((group) => Object.keys(group))
            .sort(),
        );
      }),
      seeded(25),
    );
  });

  it('that is damaged is read or refused', () => {
    const text = 'optimisation:\n  learningRate: 0.01\n  optimizer: adamw\nseed: 3\nlog: "csv,jsonl"\nfreeze: [a, b]\n';
    fc.assert(
      fc.property(mutantOf(Buffer.from(text)), (mutant) => {
        try {
          parseConfigText(mutant.toString('latin1'), 'x.yaml');
        } catch (error) {
          if (!(error instanceof UserError)) throw error;
        }
      }),
      seeded(150),
    );
  });
});

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
