import { z } from 'zod';
import { defineCommand } from '../command.ts';
import { unlessStopped } from '../long-call.ts';
import { optionalText } from '../options/download.ts';
import { checkpointFlag } from '../options/shared.ts';
import { printResult, progressOf } from '../show/printer.ts';
import { metaReportResult, reportResult } from '../show/report.ts';

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
    labels: z
      .boolean()
      .default(true)
      .describe('look for labels that are probably wrong, as doctor --labels does; kept in the run, too'),
    episodes: z.int().min(2).max(100_000).default(200).describe('for a run of meta-learning: episodes to test it on'),
    ...checkpointFlag,
    device: z.string().default('cpu').describe('cpu'),
  }),
  goesOnUnread: () => true,
  examples: [
    'graft report runs/x',
    'graft report runs/x --data photos/ --out report.html --json',
    'graft report runs/x --no-map --no-labels',
    'graft report runs/omniglot --episodes 600',
  ],
  async run({ positionals: [run], options: { out, data, map, labels, episodes, checkpoint, device }, terminal }) {
    const { kindOfRun } = await import('../../runs/run-file.ts');
    const { writeMetaReport, writeReport } = await import('../../report/index.ts');
    if ((await kindOfRun(run!)) === 'meta') {
      const onProgress = progressOf(terminal, 'testing episodes');
      const onSurface = progressOf(terminal, 'computing the loss surface');
      const places = { out: out ?? undefined, folder: data ?? undefined };
      const written = await unlessStopped(terminal, (signal) =>
        writeMetaReport(run!, { ...places, checkpoint, episodes, signal, onProgress, onSurface }),
      );
      return written === null ? undefined : printResult(terminal, metaReportResult(written));
    }
    const written = await unlessStopped(terminal, (signal) =>
      writeReport(run!, {
        map,
        labels,
        checkpoint,
        device,
        out: out ?? undefined,
        data: data ?? undefined,
        signal,
        onProgress: ({ stage, done, total }) => terminal.progress(stage, done, total),
      }),
    );
    if (written !== null) printResult(terminal, reportResult(written));
  },
});
