import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import { logNames } from '@graft-ml/core/internal/fit/loggers/names';
import {
  augmentationLevels,
  augmentationQuantities,
  type Quantity,
} from '@graft-ml/core/internal/image/augment/levels';
import { headLayerNames } from '@graft-ml/core/internal/models/head-layers';
import { parseConfig, trainConfigSchema } from '@graft-ml/core/internal/recipe/config/index';
import { optionsOf } from '@graft-ml/core/internal/recipe/config/options';
import { metaConfigSchema } from '@graft-ml/core/internal/recipe/meta/index';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyName, mutantOf, seeded } from '../../../../test/arbitrary.ts';
import { formatConfig, parseConfigText, trainTable } from './config-text.ts';
import { codecOf, textOf, withoutTexts } from './options.ts';

const usual = parseConfig({ model: 'conv4' });

const plainRecord = { noNullPrototype: true } as const;
const positive = fc.double({ min: 1e-12, max: 1e6, noNaN: true });
const rate = fc.oneof(fc.constant(0), positive);
/** Parts of names, globs with commas in braces too. */
const pattern = fc.stringMatching(/^[a-z*?][a-z0-9.*?]{0,8}(\{[a-z],[a-z]\})?$/);
const perChannel = fc.tuple(rate, rate, rate);
const count = fc.nat({ max: 30 });
const sides = fc
  .tuple(count, fc.option(count, { nil: undefined }), count)
  .map(([train, validation, test]) => ({ train, ...(validation !== undefined && { validation }), test }));
const folder = fc.stringMatching(/^[A-Za-z][A-Za-z/]{0,8}$/).filter((name) => name !== 'auto');

/** Numbers of an operation, as they stand in its fields. */
function anyOperation(kind: string, quantities: readonly [string, Quantity][]): fc.Arbitrary<object> {
  const number = ({ minimum, maximum, isWhole = false }: Quantity) =>
    isWhole ? fc.integer({ min: minimum, max: maximum }) : fc.double({ min: minimum, max: maximum, noNaN: true });
  if (kind === 'crop') {
    const end = number(quantities[0]![1]);
    return fc.tuple(end, end).map(([a, b]) => ({ kind, scale: [Math.min(a, b), Math.max(a, b)] }));
  }
  return fc.record(
    {
      kind: fc.constant(kind),
      ...Object.fromEntries(quantities.map(([name, quantity]) => [name, number(quantity)])),
    },
    plainRecord,
  );
}

const operations = fc
  .subarray(Object.entries(augmentationQuantities), { minLength: 1 })
  .chain((kinds) =>
    fc.tuple(...kinds.map(([kind, quantities]) => anyOperation(kind, Object.entries<Quantity>(quantities)))),
  );

/** Any value of every structured option. */
const values: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  head: fc.array(
    fc.oneof(
      fc.integer({ min: 1, max: 999_999 }),
      fc.constantFrom(...headLayerNames),
      fc.double({ min: 0, max: 0.999, noNaN: true }).map((dropout) => ({ dropout: dropout + 0 })),
    ),
    { minLength: 1, maxLength: 5 },
  ),
  mean: perChannel,
  std: perChannel,
  unfreeze: fc.array(
    fc.record({ epoch: fc.nat(), train: fc.array(pattern, { minLength: 1, maxLength: 3 }) }, plainRecord),
    {
      minLength: 1,
      maxLength: 5,
    },
  ),
  freeze: fc.array(pattern, { maxLength: 5 }),
  train: fc.array(pattern, { maxLength: 5 }),
  rates: fc.array(fc.tuple(pattern, rate), { maxLength: 5 }),
  milestones: fc.array(positive, { minLength: 1, maxLength: 5 }),
  augment: fc.oneof(fc.constantFrom(...Object.keys(augmentationLevels)), operations),
  fold: fc
    .integer({ min: 2, max: 9999 })
    .chain((of) => fc.integer({ min: 1, max: of }).map((index) => ({ index, of }))),
  log: fc.array(fc.constantFrom(...logNames), { minLength: 1, maxLength: 3 }),
  split: fc.oneof(
    fc.constantFrom('auto', 'background/evaluation'),
    folder.map((name) => ({ folder: name })),
    sides.map((classes) => ({ classes })),
    fc.tuple(folder, sides).map(([name, classes]) => ({ folder: name, classes })),
    sides.map(({ train, test }) => ({ percent: { train, test } })),
  ),
};

const schemas = { ...metaConfigSchema.shape, ...trainConfigSchema.shape };
const structured = [trainConfigSchema, metaConfigSchema].flatMap((schema) =>
  optionsOf(schema)
    .filter(({ type }) => type === 'structured')
    .map(({ key }) => key),
);
const trainKeys = Object.keys(values).filter((key) => key in trainConfigSchema.shape);

describe('the text of an option', () => {
  it('is there for every structured one, and each of these is tried', () => {
    expect([...new Set(structured)].sort()).toEqual(Object.keys(values).sort());
  });

  it.each(Object.entries(values))('%s is read as the value that it was written for', (key, any) => {
    const codec = codecOf(key)!;
    const schema = Object.entries(schemas).find(([name]) => name === key)![1];
    fc.assert(
      fc.property(any, (value) => {
        const text = codec.format(value);
        expect(codec.parse(text), text).toEqual(value);
        expect(schema.safeParse(value).data, text).toEqual(value);
        expect(textOf(key, value)).toBe(text);
        expect(withoutTexts({ [key]: text })).toEqual({ [key]: value });
      }),
      seeded(200),
    );
  });

  it.each(Object.keys(values))('%s, whatever it is, is a value or an error of that option', (key) => {
    const codec = codecOf(key)!;
    const schema = Object.entries(schemas).find(([name]) => name === key)![1];
    fc.assert(
      fc.property(fc.oneof(anyName(), fc.string(), fc.stringMatching(/^[\d/%:=,.a-z*+]{0,16}$/)), (text) => {
        let value: unknown;
        try {
          value = codec.parse(text);
        } catch (error) {
          if (error instanceof OptionError && error.option === key) return;
          throw error;
        }
        expect(schema.safeParse(value).success, text).toBe(true);
        expect(codec.parse(codec.format(value)), text).toEqual(value);
      }),
      seeded(400),
    );
  });
});

describe('a configuration as text', () => {
  it('is read back as it was written, whatever its texts say', () => {
    const anyConfig = fc.record({
      learningRate: fc.option(fc.double({ min: 1e-12, max: 1e3, noNaN: true })),
      seed: fc.nat(),
      epochs: fc.option(fc.integer({ min: 1, max: 1000 })),
      weights: fc.option(anyName()),
      ...Object.fromEntries(trainKeys.map((key) => [key, key === 'augment' ? values[key]! : fc.option(values[key]!)])),
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
