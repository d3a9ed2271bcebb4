import { configGroups, trainConfigSchema } from '@graft-ml/core/internal/recipe/config/train-config';
import { z } from 'zod';
import { formatConfig } from '../../text/config-text.ts';
import { defineCommand } from '../command.ts';
import { printResult } from '../show/printer.ts';

export const configCommand = defineCommand({
  arguments: [],
  options: z.strictObject({
    config: z
      .string()
      .nullable()
      .default(null)
      .describe('start from the options in this file: YAML, JSON or a run’s run.json'),
    ...trainConfigSchema.shape,
  }),
  groups: configGroups,
  basic: { config: 'begin with the options of a YAML or JSON file, or of the run.json of a run' },
  takesSettings: 'graft config',
  examples: [
    'graft config > options.yaml',
    'graft config --config options.yaml lr=0.01 epochs=3',
    'graft config --config runs/x/run.json --json',
  ],
  async defaults({ config }) {
    if (typeof config !== 'string') return {};
    const { readConfigFile } = await import('../../runs/config-file.ts');
    return (await readConfigFile(config)).values;
  },
  async run({ options: { config: _, ...config }, terminal }) {
    printResult(terminal, { lines: [formatConfig(config).trimEnd()], json: config });
  },
});
