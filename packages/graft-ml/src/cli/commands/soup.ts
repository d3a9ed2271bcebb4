import { UsageError } from '@graft-ml/core/internal/base/errors';
import { z } from 'zod';
import { defineCommand } from '../command.ts';
import { unlessStopped } from '../long-call.ts';
import { optionalText } from '../options/download.ts';
import { deviceFlag } from '../options/shared.ts';
import { printResult } from '../show/printer.ts';
import { soupResult, wiseFtResult } from '../show/soup.ts';

export const soupCommand = defineCommand({
  arguments: [
    {
      syntax: '<runs...>',
      description: 'run folders, folders of runs, or the folder of a study; for --wise the fine-tuned run',
    },
  ],
  options: z.strictObject({
    out: optionalText.describe('folder for the run whose weights are the average; required'),
    overwrite: z.boolean().default(false).describe('replace a run that stands there'),
    wise: optionalText.describe(
      'WiSE-FT in place of a soup: the run to interpolate with, such as one of feature-extraction, or "start" for the ' +
        'weights that the fine-tuned run began with',
    ),
    data: optionalText.describe(
      'where the dataset is now, if it was moved, or if the runs were made by someone else; default: where it was',
    ),
    ...deviceFlag,
  }),
  goesOnUnread: () => true,
  examples: [
    'graft soup runs/study --out runs/soup',
    'graft soup runs/a runs/b runs/c --out runs/soup --json',
    'graft soup runs/fine-tuned --wise runs/probe --out runs/wise',
    'graft soup runs/fine-tuned --wise start --out runs/wise',
  ],
  async run({ positionals: runs, options: { out, wise, data, ...others }, terminal }) {
    if (out === null) throw new UsageError('soup: which folder? The average is written as a run: --out runs/soup.');
    if (wise !== null && runs.length !== 1) {
      throw new UsageError(`soup: --wise interpolates between two runs: name one beside it, and not ${runs.length}.`);
    }
    const options = { ...others, out, data: data ?? undefined };
    const result = await unlessStopped(terminal, async (signal) => {
      const onProgress = ({ stage, done, total }: { stage: string; done: number; total: number }) =>
        terminal.progress(stage, done, total);
      if (wise === null) {
        const { greedySoup } = await import('../../study/soup.ts');
        return soupResult(await greedySoup(runs, { ...options, signal, onProgress }));
      }
      const { wiseFt } = await import('../../study/wise-ft.ts');
      return wiseFtResult(await wiseFt(wise, runs[0]!, { ...options, signal, onProgress }));
    });
    if (result !== null) printResult(terminal, result);
  },
});
