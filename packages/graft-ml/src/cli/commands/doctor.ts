import { UsageError } from '@graft-ml/core/internal/base/errors';
import { kebabCase } from '@graft-ml/core/internal/base/kebab-case';
import { trainConfigSchema } from '@graft-ml/core/internal/recipe/config/index';
import { z } from 'zod';
import { shapeOptionsOf } from '../../data/configured.ts';
import { inCommands } from '../../text/wording.ts';
import { defineCommand } from '../command.ts';
import { optionalText, shapeFlags } from '../options/shared.ts';
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
      const other = given.find((key) => !['machine', 'renew', 'threads'].includes(key));
      if (other !== undefined)
        throw new UsageError(`doctor: --${kebabCase(other)} is about a dataset, and --machine about this machine.`);
      const { reportMachine } = await import('../machine-report.ts');
      return reportMachine({ run: folder, renew, threads, terminal });
    }
    if (folder === undefined) throw new UsageError('doctor: name a folder of labelled images, or --machine.');
    if (renew || given.includes('threads')) throw new UsageError('doctor: --renew and --threads go with --machine.');
    if (near && fixTo === null) throw new UsageError('doctor: --near is about the clean copy of --fix-to.');
    const doctor = await import('../../data/doctor/index.ts');
    if (fixTo !== null) await doctor.assertTarget(folder, fixTo);
    const diagnosis = await doctor.diagnose(folder, {
      classDepth,
      ...shapeOptionsOf(shape),
      onProgress: progressOf(terminal, 'examining images'),
    });
    const copying = { near, onProgress: progressOf(terminal, 'copying images') };
    const copy =
      fixTo === null ? null : { folder: fixTo, plan: await doctor.writeCleanCopy(diagnosis, fixTo, copying) };
    printResult(terminal, {
      lines: [
        inCommands(doctor.formatDiagnosis(diagnosis, { examples })),
        ...(copy ? [doctor.formatCleanCopy(copy.plan, copy.folder)] : []),
      ],
      json: doctor.diagnosisJson(diagnosis, copy),
    });
    if (strict && diagnosis.findings.length > 0) process.exitCode = 1;
  },
});
