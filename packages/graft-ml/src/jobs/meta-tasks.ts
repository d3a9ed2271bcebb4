import { UserError } from '@graft-ml/core/internal/base/errors';
import { longestOwnJson } from '@graft-ml/core/internal/base/own-json';
import { f32, type Tensor, type Tensors } from '@graft-ml/core/internal/base/tensor';
import { augmentationOf } from '@graft-ml/core/internal/image/augment/levels';
import { augmentedSource } from '@graft-ml/core/internal/meta/augmented';
import type { EpisodeSource } from '@graft-ml/core/internal/meta/episode';
import { taskNames } from '@graft-ml/core/internal/meta/index';
import { feedsOfEpisode } from '@graft-ml/core/internal/meta/task-program';
import { metaConfigSchema, resolveMetaConfigFor } from '@graft-ml/core/internal/recipe/meta/index';
import { preprocessingSchema } from '@graft-ml/core/internal/weights/checkpoint';
import { readSafetensors, writeSafetensors } from '@graft-ml/core/internal/weights/safetensors';
import { z } from 'zod';
import { defaultCache } from '../cache/folder-cache.ts';
import { openSets } from '../meta/prepare-meta.ts';
import type { JobContext, JobHandler } from './job.ts';
import type { ObjectStore } from './object-store.ts';
import { referenceSchema } from './shard-images.ts';
import { contentHash, openSharedProgram, sharedProgramSchema } from './shared-program.ts';

/** The part of the work that stays the same from step to step, in the store: too large to send with each job. */
export const taskWorkSchema = z.object({
  program: sharedProgramSchema,
  episodes: z.object({
    config: metaConfigSchema,
    preprocessing: preprocessingSchema,
    /** The identity of the images. */
    fingerprint: z.string(),
  }),
  side: z.enum(['train', 'validation']),
  shape: z.object({ way: z.int(), shots: z.int(), queries: z.int() }),
});
export type SharedTaskWork = z.output<typeof taskWorkSchema>;

const taskSchema = z.object({
  /** The key of the work. */
  work: z.string(),
  data: referenceSchema,
  /** The key of the values that the tasks are done at. */
  values: z.string(),
  addresses: z.array(z.array(z.union([z.string(), z.number()])).readonly()).readonly(),
  /** The weights of the losses after each inner step; null where the last alone counts. */
  stepWeights: z.array(z.number()).nullable(),
  /** The key of the results: a hash of all that they depend on. */
  results: z.string(),
});
export type MetaTasksTask = z.output<typeof taskSchema>;

const resultSchema = z.object({});
const reportSchema = z.never();

/** The name of an output of the task at a place in the job's addresses. */
export const outputName = (place: number, output: string) => `${place}/${output}`;

/**
 * Does some tasks of a meta-step, each on its own: the results of all are in one safetensors file, so that whoever sums
 * gradients does it in the order of the whole step. The process keeps program, episodes and values for its next job.
 */
export const metaTasksHandler: JobHandler<MetaTasksTask, never, z.output<typeof resultSchema>> = {
  task: taskSchema,
  report: reportSchema,
  result: resultSchema,
  async run(task, context) {
    const { store, signal } = context;
    if (await store.has(task.results)) return {};
    const work = await readWork(store, task.work);
    const program = await openSharedProgram(store, work.program);
    const source = await openSource(work, task.data, context);
    const values = await readValues(store, task.values);
    const common = task.stepWeights && {
      [taskNames.stepWeights]: f32([task.stepWeights.length], task.stepWeights),
    };
    const results: Record<string, Tensor> = {};
    for (const [place, address] of task.addresses.entries()) {
      if (signal.aborted) return null;
      const feeds = feedsOfEpisode(source.draw(work.shape, address));
      const outputs = await program.run({ ...values, ...feeds, ...common });
      for (const [name, value] of Object.entries(outputs)) results[outputName(place, name)] = value;
    }
    await store.put(task.results, writeSafetensors(results));
    return {};
  },
};

/** What the process holds for its next job, the latest last. */
const works = new Map<string, SharedTaskWork>();
const sources = new Map<string, Promise<Sides>>();
const values = new Map<string, Tensors>();
type Sides = Readonly<Record<'train' | 'validation', EpisodeSource>>;

/** Holds a value in place of all but the `most` latest. */
function hold<T>(held: Map<string, T>, key: string, value: T, most: number): T {
  held.delete(key);
  held.set(key, value);
  for (const old of [...held.keys()].slice(0, -most)) held.delete(old);
  return value;
}

async function readWork(store: ObjectStore, key: string): Promise<SharedTaskWork> {
  const held = works.get(key);
  if (held) return held;
  const bytes = await bytesOf(store, key, longestOwnJson);
  return hold(works, key, taskWorkSchema.parse(JSON.parse(new TextDecoder().decode(bytes))), 4);
}

async function readValues(store: ObjectStore, key: string): Promise<Tensors> {
  return values.get(key) ?? hold(values, key, readSafetensors(await bytesOf(store, key)).tensors, 1);
}

async function bytesOf(store: ObjectStore, key: string, most?: number): Promise<Uint8Array> {
  const bytes = await store.get(key, most);
  if (!bytes) throw new UserError(`${store.place}: ${key} is gone. Submit the work again.`);
  return bytes;
}

/** The classes of the work's side, opened as the run opened them. */
async function openSource(
  { episodes, side }: SharedTaskWork,
  data: MetaTasksTask['data'],
  context: Pick<JobContext<never>, 'data' | 'signal'>,
): Promise<EpisodeSource> {
  const key = contentHash(JSON.stringify([episodes, data]));
  const open = async (): Promise<Sides> => {
    const config = resolveMetaConfigFor(episodes.config, undefined);
    const path = await context.data(data);
    const sets = await openSets(path, config, episodes.preprocessing, { cache: defaultCache() });
    if (sets.header.fingerprint !== episodes.fingerprint) {
      throw new UserError(`${path} does not hold the images that the run began with.`);
    }
    const augmentation = augmentationOf(config.augment ?? 'none');
    return { train: augmentedSource(sets.train, augmentation, config.seed), validation: sets.validation };
  };
  const opened = sources.get(key) ?? hold(sources, key, open(), 1);
  opened.catch(() => sources.delete(key));
  return (await opened)[side];
}
