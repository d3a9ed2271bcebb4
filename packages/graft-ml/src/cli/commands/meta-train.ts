import type { Farm } from '../../jobs/farm.ts';
import { beginning, newFolder } from '../begin.ts';
import { defineCommand } from '../command.ts';
import { longCall } from '../long-call.ts';
import { withFarm } from '../open-farm.ts';
import { openProfiler } from '../open-profiler.ts';
import { farmFlags } from '../options/farm.ts';
import { metaTrainFile, metaTrainTable } from '../options/meta-train.ts';
import { assertNoneBesideResume, assertNoneWithoutResume } from '../resume.ts';

export const metaTrainCommand = defineCommand({
  ...metaTrainTable,
  goesOnUnread: () => true,
  async defaults(given) {
    if (typeof given.config !== 'string') return {};
    const { folder: _, ...values } = (await readFile(given.config, Object.keys(given))).values;
    return values;
  },
  async run({ positionals: [folder], options, given, terminal }) {
    const { out, overwrite, resume, data, from, config: file, offline, mirror, expectSha256, ...others } = options;
    const { jobs, queue, store, profile, profileSteps, ...config } = others;
    const { resumeMeta, trainMeta } = await import('../../meta/train-meta.ts');
    const { showRun } = await import('../show/run.ts');
    const named = { name: 'meta-train', terminal };
    const profiler = profile ? await openProfiler(profileSteps, { jobs, queue }) : undefined;
    const call = () => ({ ...longCall(terminal, { offline, mirror, expectSha256 }), profiler });
    if (resume !== null) {
      assertNoneBesideResume('meta train', folder, given, ['weights', ...Object.keys(farmFlags)]);
      const weights = given.includes('weights') ? (config.weights ?? undefined) : undefined;
      return withFarm({ jobs, queue, store }, named, async (farm) => {
        const options = await withTasks(farm, call());
        const events = resumeMeta(resume, { ...options, data: data ?? undefined, weights, from });
        await showRun(terminal, events, { command: 'graft meta train', out: resume, profiler });
      });
    }
    assertNoneWithoutResume('meta train', given);
    const read = file === null ? null : { path: file, read: await readFile(file, given) };
    const { folder: images, repeated } = beginning('meta train', folder, read, given);
    const path = out ?? newFolder(config.learner);
    await withFarm({ jobs, queue, store }, named, async (farm) => {
      const options = await withTasks(farm, call());
      const events = trainMeta(images, config, { ...options, ...repeated, out: path, overwrite });
      await showRun(terminal, events, { command: 'graft meta train', out: path, profiler });
    });
  },
});

/** The options of a call whose tasks a farm does. */
async function withTasks<C extends { readonly signal: AbortSignal }>(farm: Farm | null, call: C) {
  if (!farm) return call;
  const { tasksElsewhere } = await import('../../jobs/tasks.ts');
  return { ...call, tasks: tasksElsewhere(farm, { signal: call.signal }) };
}

async function readFile(path: string, given: readonly string[]) {
  const { readConfigFileOf } = await import('../../runs/config-file.ts');
  const { metaRuns } = await import('@graft-ml/core/internal/runs/meta-run');
  return readConfigFileOf(path, metaTrainFile, metaRuns, given);
}
