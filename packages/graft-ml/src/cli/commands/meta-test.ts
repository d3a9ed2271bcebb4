import { choice } from '@graft-ml/core/internal/recipe/config/choice';
import { metaConfigSchema } from '@graft-ml/core/internal/recipe/meta/meta-config';
import { z } from 'zod';
import type { TestMetaOptions } from '../../meta/test-meta.ts';
import { defineCommand } from '../command.ts';
import { onInterrupt } from '../interrupt.ts';
import { checkpointFlag, ownDeviceFlag } from '../options/shared.ts';
import { testResult } from '../show/meta.ts';
import { printResult, progressOf } from '../show/printer.ts';

const sides = ['test', 'validation', 'train'] as const satisfies readonly TestMetaOptions['side'][];
const orOwn = <S extends z.ZodType>(schema: S) => schema.nullable().default(null);

export const metaTestCommand = defineCommand({
  arguments: [
    { syntax: '<run>', description: 'a run folder of graft meta train, or a start that comes with Graft: omniglot' },
    { syntax: '[folder]', description: 'other class folders than the run’s own' },
  ],
  options: z.strictObject({
    episodes: orOwn(z.int().min(2).max(1_000_000)).describe('number of episodes; default: 600'),
    way: orOwn(z.int().min(2).max(1000)).describe('classes of an episode; default: as in training'),
    shots: orOwn(z.int().min(1).max(1000)).describe('images of each class to learn from; default: as in training'),
    queries: orOwn(z.int().min(1).max(1000)).describe('other images of each class; default: as in training'),
    steps: orOwn(z.int().min(1).max(50)).describe('inner steps; default: the run’s --test-steps'),
    side: choice(sides)
      .nullable()
      .default(null)
      .describe(`whose classes: ${sides.join(' | ')}; default: test`),
    split: orOwn(metaConfigSchema.shape.split).describe('how to divide the classes; default: as in training'),
    ...checkpointFlag,
    trials: z
      .boolean()
      .default(false)
      .describe('the 20 one-shot trials of 20 characters that belong to Omniglot (Lake et al. 2015)'),
    seed: orOwn(z.int().min(0)).describe('seed of the episodes; default: the run’s'),
    ...ownDeviceFlag,
    threads: orOwn(z.int().min(1).max(256)).describe('episodes side by side; default: all cores'),
  }),
  examples: [
    'graft meta test runs/boil',
    'graft meta test runs/boil --episodes 1000 --shots 1 --steps 5',
    'graft meta test runs/protonet --way 20',
    'graft meta test runs/protonet omniglot/ --trials --json',
  ],
  async run({ positionals: [run, folder], options, terminal }) {
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== null));
    const { testMeta } = await import('../../meta/test-meta.ts');
    const result = await testMeta(run!, {
      ...given,
      folder,
      signal: onInterrupt(terminal),
      onPreparation: ({ stage, done, total }) => terminal.progress(stage, done, total),
      onProgress: progressOf(terminal, 'testing'),
    });
    printResult(terminal, testResult(result));
  },
});
