import { trainConfigSchema } from '@graft-ml/core/internal/recipe/config/train-config';
import { z } from 'zod';
import { shapeOptionsOf } from '../../data/configured.ts';
import { defineCommand } from '../command.ts';
import { assertDatasetFlags, assertMachineFlags } from '../doctor-flags.ts';
import { downloadFlags, optionalText } from '../options/download.ts';
import { usualModel } from '../options/features.ts';
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
    examples: z
      .int()
      .min(1)
      .default(5)
      .describe('findings of each kind that are written out, with --labels 20 unless given; --json has all'),
    labels: z.boolean().default(false).describe('list the images whose labels are probably wrong'),
    sheet: optionalText.describe('with --labels: draw the suspects on this contact sheet, a PNG file'),
    model: z
      .string()
      .default(usualModel)
      .describe('with --labels: the backbone whose features are judged by: what `graft train` takes, or a run'),
    weights: optionalText.describe('with --labels: its weights: a file, a tag or a name; default: those published'),
    imageSize: trainConfigSchema.shape.imageSize.describe(
      'with --labels: side of the square the model sees, in pixels',
    ),
    folds: z.int().min(2).max(100).default(5).describe('with --labels: folds of the cross-validation'),
    seed: trainConfigSchema.shape.seed.describe('with --labels: decides the folds'),
    ...downloadFlags,
    machine: z.boolean().default(false).describe('examine this machine instead of a dataset'),
    renew: z
      .boolean()
      .default(false)
      .describe('with --machine: time again what was measured here, or what the run uses'),
    threads: trainConfigSchema.shape.threads.describe('with --machine: threads of one operator; default: all cores'),
    classDepth: trainConfigSchema.shape.classDepth,
    ...shapeFlags,
  }),
  goesOnUnread: ({ fixTo, sheet }) => fixTo !== null || sheet !== null,
  examples: [
    'graft doctor photos/',
    'graft doctor photos/ --json --strict',
    'graft doctor photos/ --fix-to photos-clean --near',
    'graft doctor photos/ --labels --model squeezenet1_1 --sheet suspects.png',
    'graft doctor --machine',
    'graft doctor --machine --renew runs/x',
  ],
  async run({ positionals: [folder], options, given, terminal }) {
    const { fixTo, near, strict, examples, classDepth, machine, renew, threads, labels, ...others } = options;
    const { model, weights, imageSize, folds, seed, sheet, offline, mirror, expectSha256, ...shape } = others;
    if (machine) {
      assertMachineFlags(given);
      const { machineReport } = await import('../../runs/machine-report.ts');
      const { machineResult } = await import('../show/machine.ts');
      const onTuning = progressOf(terminal, 'timing kernels');
      return printResult(terminal, machineResult(await machineReport({ run: folder, renew, threads, onTuning })));
    }
    assertDatasetFlags(folder, given);
    if (labels) {
      const { diagnoseLabels } = await import('../doctor-labels.ts');
      const flags = { model, weights, imageSize, folds, seed, sheet, strict, offline, mirror, expectSha256 };
      const search = {
        reading: { classDepth, ...shapeOptionsOf(shape) },
        most: given.includes('examples') ? examples : 20,
      };
      return diagnoseLabels(folder, flags, search, terminal);
    }
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
