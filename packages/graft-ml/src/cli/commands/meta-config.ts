import { metaConfigGroups, metaConfigSchema } from '@graft-ml/core/internal/recipe/meta/meta-config';
import { z } from 'zod';
import { formatConfig, metaTable } from '../../text/config-text.ts';
import { defineCommand } from '../command.ts';
import { printResult } from '../show/printer.ts';

export const metaConfigCommand = defineCommand({
  arguments: [],
  options: z.strictObject({
    config: z
      .string()
      .nullable()
      .default(null)
      .describe('start from the options in this file: YAML, JSON or a run’s run.json'),
    ...metaConfigSchema.shape,
  }),
  groups: metaConfigGroups,
  basic: { config: 'begin with the options of a YAML or JSON file, or of the run.json of a run' },
  takesSettings: 'graft meta config',
  examples: ['graft meta config > options.yaml', 'graft meta config --config options.yaml learner=anil way=20'],
  async defaults({ config }) {
    if (typeof config !== 'string') return {};
    const { readConfigFileOf } = await import('../../runs/config-file.ts');
    const { metaRuns } = await import('@graft-ml/core/internal/runs/meta-run');
    return (await readConfigFileOf(config, metaTable, metaRuns)).values;
  },
  async run({ options: { config: _, ...config }, terminal }) {
    printResult(terminal, { lines: [formatConfig(config, metaTable).trimEnd()], json: config });
  },
});
