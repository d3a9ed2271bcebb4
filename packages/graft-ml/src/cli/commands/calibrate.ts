import { z } from 'zod';
import { defineCommand } from '../command.ts';
import { unlessStopped } from '../long-call.ts';
import { optionalText } from '../options/download.ts';
import { binsFlag, checkpointFlag, deviceFlag } from '../options/shared.ts';
import { calibrationResult } from '../show/calibration.ts';
import { printResult, progressOf } from '../show/printer.ts';

export const calibrateCommand = defineCommand({
  arguments: [{ syntax: '<run>', description: 'a run folder' }],
  options: z.strictObject({
    data: optionalText.describe(
      'where the dataset is now, if it was moved, or if the run was made by someone else; default: where it was',
    ),
    ...checkpointFlag,
    ...binsFlag,
    ...deviceFlag,
  }),
  goesOnUnread: () => true,
  examples: ['graft calibrate runs/x', 'graft calibrate runs/x --data photos/ --json'],
  async run({ positionals: [run], options: { data, ...options }, terminal }) {
    const { calibrateRun } = await import('../../evaluate/calibrate-run.ts');
    const onProgress = progressOf(terminal, 'validation images');
    const calibration = await unlessStopped(terminal, (signal) =>
      calibrateRun(run!, { ...options, data: data ?? undefined, signal, onProgress }),
    );
    if (calibration !== null) printResult(terminal, calibrationResult(run!, calibration));
  },
});
