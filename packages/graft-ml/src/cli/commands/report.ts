import { z } from 'zod';
import { defineCommand } from '../command.ts';
import { unlessStopped } from '../long-call.ts';
import { optionalText } from '../options/download.ts';
import { checkpointFlag } from '../options/shared.ts';
import { printResult } from '../show/printer.ts';
import { reportResult } from '../show/report.ts';

export const reportCommand = defineCommand({
  arguments: [{ syntax: '<run>', description: 'a run folder' }],
  options: z.strictObject({
    out: optionalText.describe('the file to write, which is replaced; default: report.html in the run'),
    data: optionalText.describe(
      'where the dataset is now, if it was moved, or if the run was made by someone else; default: where it was',
    ),
    map: z
      .boolean()
      .default(true)
      .describe(
        'show the images in feature space; the first map takes a pass over all of them, and is kept in the run',
      ),
    ...checkpointFlag,
    device: z.string().default('cpu').describe('cpu'),
  }),
  goesOnUnread: () => true,
  examples: [
    'graft report runs/x',
    'graft report runs/x --data photos/ --out report.html --json',
    'graft report runs/x --no-map',
  ],
  async run({ positionals: [run], options: { out, data, ...options }, terminal }) {
    const { writeReport } = await import('../../report/index.ts');
    const written = await unlessStopped(terminal, (signal) =>
      writeReport(run!, {
        ...options,
        out: out ?? undefined,
        data: data ?? undefined,
        signal,
        onProgress: ({ stage, done, total }) => terminal.progress(stage, done, total),
      }),
    );
    if (written !== null) printResult(terminal, reportResult(written));
  },
});
