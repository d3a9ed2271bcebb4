import { UsageError } from '@graft-ml/core/internal/base/errors';
import { z } from 'zod';
import { defineCommand } from '../command.ts';
import { unlessStopped } from '../long-call.ts';
import { optionalText } from '../options/download.ts';
import { checkpointFlag, deviceFlag } from '../options/shared.ts';
import { printResult, progressOf } from '../show/printer.ts';
import { metaReportResult, reportResult } from '../show/report.ts';
import { studyReportResult } from '../show/study-report.ts';

export const reportCommand = defineCommand({
  arguments: [
    {
      syntax: '<runs...>',
      description:
        'a run folder; a folder of `graft train --folds`, of `graft meta compare` or of runs; or several runs, which are compared',
    },
  ],
  options: z.strictObject({
    out: optionalText.describe(
      'the file to write, which is replaced; default: report.html in the folder that was named; several runs need a name',
    ),
    data: optionalText.describe(
      'where the dataset is now, if it was moved, or if the run was made by someone else; default: where it was',
    ),
    map: z
      .boolean()
      .default(true)
      .describe(
        'show the images in feature space, of one run; the first map takes a pass over all of them, and is kept in the run',
      ),
    labels: z
      .boolean()
      .default(true)
      .describe('look for labels that are probably wrong, of one run, as doctor --labels does; kept in the run, too'),
    episodes: z.int().min(2).max(100_000).default(200).describe('for a run of meta-learning: episodes to test it on'),
    ...checkpointFlag,
    ...deviceFlag,
  }),
  goesOnUnread: () => true,
  examples: [
    'graft report runs/x',
    'graft report runs/x --data photos/ --out report.html --json',
    'graft report runs/x --no-map --no-labels',
    'graft report runs/omniglot --episodes 600',
    'graft report runs/a runs/b runs/c --out compare.html',
    'graft report runs/folds',
    'graft report runs/study --json',
  ],
  async run({
    positionals: runs,
    options: { out, data, map, labels, episodes, checkpoint, device },
    given: flags,
    terminal,
  }) {
    const { findGiven, writeMetaReport, writeReport, writeStudyReport } = await import('../../report/index.ts');
    const places = { out: out ?? undefined, data: data ?? undefined };
    const given = await findGiven(runs);
    const onStage = ({ stage, done, total }: { stage: string; done: number; total: number }) =>
      terminal.progress(stage, done, total);
    if (given.kind !== 'run') {
      if (given.kind === 'runs' && given.path === null && out === null) {
        throw new UsageError('report: which file? Several runs have no folder of their own: --out compare.html.');
      }
      const ofOne = ['map', 'labels'].find((flag) => flags.includes(flag));
      if (ofOne !== undefined) throw new UsageError(`report: --no-${ofOne} is for the report of one run.`);
      const written = await unlessStopped(terminal, (signal) =>
        writeStudyReport(runs, { ...places, checkpoint, device, episodes, signal, onProgress: onStage }),
      );
      return written === null ? undefined : printResult(terminal, studyReportResult(written));
    }
    const { path } = given;
    if (given.of === 'meta') {
      const onProgress = progressOf(terminal, 'testing episodes');
      const onSurface = progressOf(terminal, 'computing the loss surface');
      const own = { out: places.out, folder: places.data, checkpoint, episodes };
      const written = await unlessStopped(terminal, (signal) =>
        writeMetaReport(path, { ...own, signal, onProgress, onSurface }),
      );
      return written === null ? undefined : printResult(terminal, metaReportResult(written));
    }
    const written = await unlessStopped(terminal, (signal) =>
      writeReport(path, { ...places, map, labels, checkpoint, device, signal, onProgress: onStage }),
    );
    if (written !== null) printResult(terminal, reportResult(written));
  },
});
