import { z } from 'zod';
import { defineCommand } from '../command.ts';
import { optionalText } from '../options/download.ts';
import { comparisonResult } from '../show/comparison.ts';
import { printResult } from '../show/printer.ts';

export const compareCommand = defineCommand({
  arguments: [
    {
      syntax: '<runs...>',
      description: 'run folders, folders of runs, of `graft train --folds` or of `graft meta compare`, or a study',
    },
  ],
  options: z.strictObject({
    html: optionalText.describe(
      'the page to write, which is replaced; default: study.html in the folder that was named, of several compare.html',
    ),
  }),
  goesOnUnread: () => true,
  examples: [
    'graft compare runs/study',
    'graft compare runs/a runs/b runs/c --html compare.html',
    'graft compare runs/folds --json',
  ],
  async run({ positionals: places, options: { html }, terminal }) {
    const { summariseRuns } = await import('../../report/compare/runs-summary.ts');
    const { writeComparisonOf } = await import('../../report/compare/write-comparison.ts');
    const summary = await summariseRuns(places);
    const out = html ?? (summary.folder === null ? 'compare.html' : undefined);
    printResult(terminal, comparisonResult(await writeComparisonOf(summary, { out })));
  },
});
