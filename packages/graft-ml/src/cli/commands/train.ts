import { basename } from 'node:path';
import { beginning, newFolder } from '../begin.ts';
import { defineCommand } from '../command.ts';
import { longCall } from '../long-call.ts';
import { openProfiler } from '../open-profiler.ts';
import { trainFile, trainTable } from '../options/train.ts';
import { assertNoneBesideResume, assertNoneWithoutResume } from '../resume.ts';

export const trainCommand = defineCommand({
  ...trainTable,
  goesOnUnread: () => true,
  async defaults(given) {
    if (typeof given.config !== 'string') return {};
    const { readConfigFile } = await import('../../runs/config-file.ts');
    const { folder: _, ...values } = (await readConfigFile(given.config, trainFile, Object.keys(given))).values;
    return values;
  },
  async run({ positionals: [folder], options, given, terminal }) {
    const {
      out,
      overwrite,
      resume,
      data,
      from,
      folds,
      report,
      config: file,
      offline,
      mirror,
      expectSha256,
      jobs,
      queue,
      store,
      profile,
      profileSteps,
      ...config
    } = options;
    const { trainFolds } = await import('../../experiment/cross-validation.ts');
    const { resumeRun } = await import('../../experiment/resume-run.ts');
    const { trainFolder } = await import('../../transfer/train-folder.ts');
    const { showRun } = await import('../show/run.ts');
    const { reported } = await import('../reported.ts');
    const { assertDivisible, openWorkersBy } = await import('../train-workers.ts');
    const { divisionOf, withDivision } = await import('../divided-training.ts');
    const openWorkers = openWorkersBy({ jobs, queue, store }, terminal);
    const profiler = profile
      ? await openProfiler(profileSteps, { folds, workers: config.workers, jobs, queue })
      : undefined;
    const call = { ...longCall(terminal, { offline, mirror, expectSha256 }), openWorkers, profiler };
    const withReport = report ? { terminal, signal: call.signal } : null;
    const places = { jobs, queue, store };
    if (resume !== null) {
      assertNoneBesideResume('train', folder, given, ['weights', 'epochs', 'jobs', 'queue', 'store']);
      const division = await divisionOf(resume);
      return withDivision(places, { division, out: resume, call, terminal }, async (divided) => {
        const events = resumeRun(resume, {
          ...divided,
          data: data ?? undefined,
          weights: given.includes('weights') ? (config.weights ?? undefined) : undefined,
          from: given.includes('from') ? from : undefined,
          epochs: given.includes('epochs') ? (config.epochs ?? undefined) : undefined,
        });
        await reported(events, withReport, (told) =>
          showRun(terminal, told, { command: 'graft train', out: resume, profiler }),
        );
      });
    }
    assertNoneWithoutResume('train', given);
    const isFolds = folds !== null && config.workers === null;
    const division = isFolds ? 'folds' : assertDivisible(config, given) ? 'features' : 'nothing';
    const { readConfigFile } = await import('../../runs/config-file.ts');
    const read = file === null ? null : { path: file, read: await readConfigFile(file, trainFile, given) };
    const { folder: images, repeated } = beginning('train', folder, read, given);
    const path = out ?? newFolder(basename(config.model));
    // A process for each core has one thread.
    const isDivided = division !== 'nothing' && (jobs !== null || queue !== null);
    const threads = config.threads ?? (isDivided ? 1 : null);
    await withDivision(places, { division, out: path, call, terminal }, async (divided) => {
      const run = { ...divided, ...repeated, out: path, overwrite };
      const own = { ...config, threads };
      const events = folds === null ? trainFolder(images, own, run) : trainFolds(images, own, folds, run);
      await reported(events, withReport, (told) =>
        showRun(terminal, told, { command: 'graft train', out: path, profiler }),
      );
    });
  },
});
