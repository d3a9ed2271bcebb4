import { shapeOptionsOf } from '../../data/configured.ts';
import { defineCommand } from '../command.ts';
import { assertDatasetFlags, assertMachineFlags, doctorFlags } from '../options/doctor.ts';
import { printResult, progressOf } from '../show/printer.ts';

export const doctorCommand = defineCommand({
  arguments: [
    {
      syntax: '[folder]',
      description: 'labelled images, in any shape that train takes; with --machine a run, or nothing',
    },
  ],
  options: doctorFlags,
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
    const { model, weights, imageSize, folds, seed, device, sheet, offline, mirror, expectSha256, ...shape } = others;
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
      const flags = { model, weights, imageSize, folds, seed, device, sheet, strict, offline, mirror, expectSha256 };
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
    if (diagnosis.specimens.length === 0 || (strict && diagnosis.findings.length > 0)) process.exitCode = 1;
  },
});
