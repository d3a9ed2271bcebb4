import { trainConfigSchema } from '@graft-ml/core/internal/recipe/config/train-config';
import { z } from 'zod';
import { shapeOptionsOf } from '../../data/configured.ts';
import { defineCommand } from '../command.ts';
import { assertDatasetFlags, assertMachineFlags } from '../doctor-flags.ts';
import { optionalText } from '../options/download.ts';
import { shapeFlags } from '../options/shared.ts';
import { printResult, progressOf } from '../show/printer.ts';

export const doctorCommand = defineCommand({
  arguments: [
    {
      syntax: '[folder]',
      description: 'labelled images, in any shape that train takes; with --machine a run, or nothing',
    },
  ],
  options: z.strictObject({
    fixTo: optionalText.describe('write a clean copy to this new folder'),
    near: z.boolean().default(false).describe('treat images that look the same as copies, in the clean copy'),
    strict: z.boolean().default(false).describe('exit status 1 where anything is found'),
    examples: z.int().min(1).default(5).describe('findings of each kind that are written out; --json has all'),
    machine: z.boolean().default(false).describe('examine this machine instead of a dataset'),
    renew: z
      .boolean()
      .default(false)
      .describe('with --machine: time again what was measured here, or what the run uses'),
    threads: trainConfigSchema.shape.threads.describe('with --machine: threads of one operator; default: all cores'),
    classDepth: trainConfigSchema.shape.classDepth,
    ...shapeFlags,
  }),
  goesOnUnread: ({ fixTo }) => fixTo !== null,
  examples: [
    'graft doctor photos/',
    'graft doctor photos/ --json --strict',
    'graft doctor photos/ --fix-to photos-clean --near',
    'graft doctor --machine',
    'graft doctor --machine --renew runs/x',
  ],
  async run({ positionals: [folder], options, given, terminal }) {
    const { fixTo, near, strict, examples, classDepth, machine, renew, threads, ...shape } = options;
    if (machine) {
      assertMachineFlags(given);
      const { machineReport } = await import('../../runs/machine-report.ts');
      const { machineResult } = await import('../show/machine.ts');
      const onTuning = progressOf(terminal, 'timing kernels');
      return printResult(terminal, machineResult(await machineReport({ run: folder, renew, threads, onTuning })));
    }
    assertDatasetFlags(folder, given);
    const { diagnose, assertTarget, writeCleanCopy } = await import('../../data/doctor/index.ts');
    const { diagnosisResult } = await import('../show/diagnosis.ts');
    if (fixTo !== null) await assertTarget(folder, fixTo);
    const onProgress = progressOf(terminal, 'examining images');
    const diagnosis = await diagnose(folder, { classDepth, ...shapeOptionsOf(shape), onProgress });
    const copying = { near, onProgress: progressOf(terminal, 'copying images') };
    const copy = fixTo === null ? null : { folder: fixTo, plan: await writeCleanCopy(diagnosis, fixTo, copying) };
    printResult(terminal, diagnosisResult(diagnosis, copy, { examples }));
    if (strict && diagnosis.findings.length > 0) process.exitCode = 1;
  },
});
