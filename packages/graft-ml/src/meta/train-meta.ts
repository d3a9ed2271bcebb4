import { resolve } from 'node:path';
import { OptionError } from '@graft-ml/core/internal/base/errors';
import { isOnnx } from '@graft-ml/core/internal/models/index';
import {
  type MetaConfig,
  type MetaConfigInput,
  parseMetaConfig,
  resolveMetaConfig,
} from '@graft-ml/core/internal/recipe/meta/index';
import {
  beginMetaTraining,
  goOnMetaTraining,
  type MetaEvent,
  type MetaSite,
  type TasksElsewhere,
} from '@graft-ml/core/internal/runs/meta-training';
import type { NamedArchitecture } from '@graft-ml/core/models';
import { openBackbone } from '../checkpoint/backbone.ts';
import { nodeHost } from '../runs/host.ts';
import { usablePaths } from '../runs/own-paths.ts';
import { withProfile } from '../runs/profile.ts';
import type { OpenRunStore } from '../runs/run-store.ts';
import { type ResumeOptions, type TrainFolderOptions, withAbsolutePaths } from '../transfer/train-folder.ts';
import { checkMemory } from './check-memory.ts';
import { prepareMeta } from './prepare-meta.ts';
import { readMetaRun } from './read-meta-run.ts';

export type { MetaEvent, MetaReadyEvent } from '@graft-ml/core/internal/runs/meta-training';

export interface TrainMetaOptions extends Omit<TrainFolderOptions, 'extract'> {
  /**
   * Does the tasks of training and validation elsewhere: `tasksElsewhere(farm)`. The run is the same to the bit. Default:
   * this process.
   */
  readonly tasks?: TasksElsewhere | undefined;
}

/** This process as a place for runs of meta-learning. */
function nodeSite(openStore: OpenRunStore | undefined): MetaSite<TrainMetaOptions> {
  return {
    host: nodeHost(openStore),
    prepare: (path, config, options) => prepareMeta(path, config, { ...options, cleanups: [] }),
    assertMemory: checkMemory,
    read: (path) => readMetaRun(path, openStore),
    usable: usablePaths,
  };
}

/**
 * Class folders in, a run folder with what was learned across tasks out.
 * @throws UserError for anything wrong with the folder, the weights or the options, before training starts.
 * @example for await (const event of trainMeta('omniglot', { learner: 'anil', way: 20 }, { out: 'runs/anil' })) …
 */
export async function* trainMeta(
  folder: string,
  config: MetaConfigInput,
  options: TrainMetaOptions,
): AsyncGenerator<MetaEvent, void, undefined> {
  const parsed = parseMetaConfig(config);
  const resolved = withAbsolutePaths(resolveMetaConfig(parsed, await fileModel(parsed)));
  assertHere(options);
  const site = nodeSite(options.openStore);
  yield* withProfile(beginMetaTraining({ folder: resolve(folder), config: resolved, options }, site), options);
}

/** @throws OptionError where a profiler would see nothing, as the tasks are done elsewhere */
function assertHere({ tasks, profiler }: Pick<TrainMetaOptions, 'tasks' | 'profiler'>): void {
  if (!tasks || !profiler) return;
  throw new OptionError({ option: 'profiler', expected: 'tasks that this process does', received: 'tasks elsewhere' });
}

/** The model in an ONNX file, by which some defaults go; undefined for a model of the zoo. */
async function fileModel({ model, mean, std }: MetaConfig): Promise<NamedArchitecture | undefined> {
  if (model === null || !isOnnx(model)) return undefined;
  return (await openBackbone({ model, mean, std, weights: null, head: null })).model;
}

/** Options for resuming a run of meta-learning. */
export interface ResumeMetaOptions extends Omit<ResumeOptions, 'epochs' | 'extract'>, Pick<TrainMetaOptions, 'tasks'> {}

/**
 * Goes on with a run of meta-learning where it stopped. It ends bit for bit as if it had not stopped, but for `from:
 * 'best'`.
 */
export async function* resumeMeta(
  out: string,
  { data, weights, from, ...options }: ResumeMetaOptions = {},
): AsyncGenerator<MetaEvent, void, undefined> {
  assertHere(options);
  const own = { ...options, out };
  yield* withProfile(goOnMetaTraining({ data, weights, from }, own, nodeSite(options.openStore)), own);
}
