import { z } from 'zod';
import { defineCommand } from '../command.ts';
import { textWidth } from '../output.ts';
import { printResult } from '../show/printer.ts';
import { profileResult } from '../show/profile.ts';

export const profileCommand = defineCommand({
  arguments: [{ syntax: '<run>', description: 'a run folder that was trained with --profile' }],
  options: z.strictObject({
    rows: z.int().min(1).max(10_000).default(15).describe('primitives, and layers, of each stage'),
  }),
  examples: ['graft profile runs/x', 'graft profile runs/x --rows 100', 'graft profile runs/x --json'],
  async run({ positionals: [run], options: { rows }, terminal }) {
    const { readProfile } = await import('../../runs/profile.ts');
    printResult(terminal, profileResult(await readProfile(run!), { rows, width: textWidth() }));
  },
});
