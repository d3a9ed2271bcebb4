import { choice } from '@graft-ml/core/internal/recipe/config/choice';
import { z } from 'zod';
import { shapeOptionsOf } from '../../data/configured.ts';
import type { Part } from '../../predict/evaluate-folder.ts';
import { defineCommand } from '../command.ts';
import { checkpointFlag, shapeFlags, testTimeFlag } from '../options/shared.ts';
import { evaluationResult } from '../show/evaluation.ts';
import { printResult, progressOf } from '../show/printer.ts';

const parts = ['train', 'validation', 'test', 'all'] as const satisfies readonly Part[];

export const evaluateCommand = defineCommand({
  arguments: [
    { syntax: '<run>', description: 'a run folder' },
    { syntax: '<folder>', description: 'labelled images, in any shape that `graft train` takes' },
  ],
  options: z.strictObject({
    part: choice(parts)
      .nullable()
      .default(null)
      .describe(
        `${parts.join(' | ')}; default: test/ where there is one, validation for the run’s own folder, else all`,
      ),
    ...checkpointFlag,
    ...shapeFlags,
    ...testTimeFlag,
    device: z.string().default('cpu').describe('cpu'),
  }),
  examples: ['graft evaluate runs/x photos/', 'graft evaluate runs/x new-photos/ --json'],
  async run({ positionals: [run, folder], options, terminal }) {
    const { part, tta, device, checkpoint, ...shape } = options;
    const { evaluateFolder } = await import('../../predict/evaluate-folder.ts');
    const result = await evaluateFolder(run!, folder!, {
      device,
      tta,
      checkpoint,
      shape: shapeOptionsOf(shape),
      ...(part && { part }),
      onProgress: progressOf(terminal, 'evaluating'),
    });
    printResult(terminal, evaluationResult(result));
  },
});
