import { basename } from 'node:path';
import type { ExtractOptions } from '../../jobs/extract.ts';
import type { Farm } from '../../jobs/farm.ts';
import { beginning, newFolder } from '../begin.ts';
import { defineCommand } from '../command.ts';
import { longCall } from '../long-call.ts';
import { noFarm, withFarm } from '../open-farm.ts';
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
      ...config
    } = options;
    const { trainFolds } = await import('../../experiment/cross-validation.ts');
    const { resumeRun } = await import('../../experiment/resume-run.ts');
    const { trainFolder } = await import('../../transfer/train-folder.ts');
    const { showRun } = await import('../show/run.ts');
    const { reported } = await import('../reported.ts');
    const { assertDivisible, openWorkersBy } = await import('../train-workers.ts');
    const openWorkers = openWorkersBy({ jobs, queue, store }, terminal);
    const call = { ...longCall(terminal, { offline, mirror, expectSha256 }), openWorkers };
    const withReport = report ? { terminal, signal: call.signal } : null;
    const farm = { jobs, queue, store };
    const named = { name: 'features', terminal };
    if (resume !== null) {
      assertNoneBesideResume('train', folder, given, ['weights', 'epochs', 'jobs', 'queue', 'store']);
      return withFarm(farm, named, async (opened) => {
        const events = resumeRun(resume, {
          ...(await withExtraction(opened, call)),
          data: data ?? undefined,
          weights: given.includes('weights') ? (config.weights ?? undefined) : undefined,
          from: given.includes('from') ? from : undefined,
          epochs: given.includes('epochs') ? (config.epochs ?? undefined) : undefined,
        });
        await reported(events, withReport, (told) => showRun(terminal, told, { command: 'graft train', out: resume }));
      });
    }
    assertNoneWithoutResume('train', given);
    const isDivided = assertDivisible(config, given);
    const { readConfigFile } = await import('../../runs/config-file.ts');
    const read = file === null ? null : { path: file, read: await readConfigFile(file, trainFile, given) };
    const { folder: images, repeated } = beginning('train', folder, read, given);
    const path = out ?? newFolder(basename(config.model));
    // A process for each core has one thread.
    const threads = config.threads ?? (isDivided ? 1 : null);
    await withFarm(isDivided ? farm : noFarm, named, async (opened) => {
      const run = { ...(await withExtraction(opened, call)), ...repeated, out: path, overwrite };
      const own = { ...config, threads };
      const events = folds === null ? trainFolder(images, own, run) : trainFolds(images, own, folds, run);
      await reported(events, withReport, (told) => showRun(terminal, told, { command: 'graft train', out: path }));
    });
  },
});

/** The options of a call for which a farm makes the features of frozen layers. */
async function withExtraction<C extends Pick<ExtractOptions, 'signal' | 'onNote'>>(farm: Farm | null, call: C) {
  if (!farm) return call;
  const { extractElsewhere } = await import('../../jobs/extract.ts');
  const { signal, onNote } = call;
  return { ...call, extract: extractElsewhere(farm, { signal, onNote }) };
}
