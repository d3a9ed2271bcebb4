import { orDefault } from '@graft-ml/core/internal/recipe/config/choice';
import { z } from 'zod';
import { shapeOptionsOf } from '../../data/configured.ts';
import { defineCommand } from '../command.ts';
import { unlessStopped } from '../long-call.ts';
import { optionalText } from '../options/download.ts';
import { checkpointFlag, ownDeviceFlag, shapeFlags } from '../options/shared.ts';
import { adaptedResult } from '../show/meta.ts';
import { printResult } from '../show/printer.ts';

export const metaAdaptCommand = defineCommand({
  arguments: [
    { syntax: '<run>', description: 'a run folder of graft meta train, or a start that comes with Graft: omniglot' },
    { syntax: '<folder>', description: 'a few images of each class, in any shape that `graft train` takes' },
  ],
  options: z.strictObject({
    out: optionalText.describe('the run folder to write; default: <run>-adapted'),
    overwrite: z.boolean().default(false).describe('replace an existing run'),
    shots: orDefault(z.int().min(1)).describe(
      'learn from at most this many images of each class; default: all but those in val/ and test/',
    ),
    steps: orDefault(z.int().min(1).max(50)).describe(
      'inner steps; default: the run’s --test-steps, at least 10 for more classes than its --way',
    ),
    ...checkpointFlag,
    classDepth: z.int().min(1).max(8).default(1).describe('folder levels that make a class name'),
    ...shapeFlags,
    ...ownDeviceFlag,
  }),
  goesOnUnread: () => true,
  examples: [
    'graft meta adapt omniglot drawings/ --shots 5 --out runs/drawings',
    'graft meta adapt runs/boil digits/ --out runs/digits',
    'graft meta adapt runs/protonet photos/ --shots 5',
  ],
  async run({ positionals: [run, folder], options, terminal }) {
    const { out, overwrite, shots, steps, classDepth, checkpoint, device, ...shape } = options;
    const path = out ?? `${run!.replace(/\/+$/, '')}-adapted`;
    const { adaptMeta } = await import('../../meta/adapt-meta.ts');
    const adapted = await unlessStopped(terminal, (signal) =>
      adaptMeta(run!, folder!, {
        signal,
        out: path,
        overwrite,
        checkpoint,
        classDepth,
        ...shapeOptionsOf(shape),
        ...(shots !== null && { shots }),
        ...(steps !== null && { steps }),
        ...(device !== null && { device }),
        onPreparation: ({ stage, done, total }) => terminal.progress(stage, done, total),
      }),
    );
    if (adapted === null) return;
    process.exitCode = 0; // also where a signal came when the run was being written
    printResult(terminal, adaptedResult(adapted));
  },
});
