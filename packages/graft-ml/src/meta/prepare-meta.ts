import { TimedRuntime } from '@graft-ml/core/internal/fit/profile/timed-runtime';
import type { CompileTasks } from '@graft-ml/core/internal/meta/task-program';
import { learners, type ResolvedMetaConfig } from '@graft-ml/core/internal/recipe/meta/index';
import { type EpisodeSets, rotationsOf } from '@graft-ml/core/internal/runs/episode-sets';
import type { Preparation } from '@graft-ml/core/internal/runs/prepared';
import {
  metaPreprocessing,
  type PreparedMeta,
  possibleConfig,
  preparedMeta,
  startOf,
} from '@graft-ml/core/internal/runs/prepared-meta';
import { inSequence } from '@graft-ml/core/internal/runtime/index';
import type { Preprocessing } from '@graft-ml/core/models';
import type { Backend, Runtime } from '@graft-ml/core/runtime';
import { defaultCache } from '../cache/folder-cache.ts';
import { openBackbone } from '../checkpoint/backbone.ts';
import { openImagePool } from '../data/decoder-pool.ts';
import { openEpisodes } from '../episodes/open-episodes.ts';
import { openSubsets } from '../episodes/subsets.ts';
import { availableCores } from '../files/own-process.ts';
import {
  chooseDevice,
  createRuntime,
  type DeviceName,
  type NodeRuntimeOptions,
  openProgramPool,
} from '../runtime/index.ts';
import { noteOnDevice, type PrepareOptions } from '../transfer/prepare.ts';
import { unlessAborted } from '../transfer/run-images.ts';

/** Reads the weights, decodes the images, sets up the runtime. @throws the signal's reason soon after it is aborted */
export async function prepareMeta(
  path: string,
  given: ResolvedMetaConfig,
  options: PrepareOptions,
): Promise<PreparedMeta> {
  const { signal, cache = defaultCache() } = options;
  const onPreparation = (progress: Preparation) => {
    signal?.throwIfAborted();
    options.onPreparation?.(progress);
  };
  const backbone = await openBackbone(startOf(given), {
    onnxFile: options.onnxFile,
    download: { cache, ...options.download, ...(signal && { signal }) },
  });
  const preprocessing = metaPreprocessing(given, backbone);
  const sets = await unlessAborted(openSets(path, given, preprocessing, { ...options, cache }), signal);
  const config = possibleConfig(given, sets);
  const threads = options.threads ?? config.threads ?? availableCores();
  const { choices, tune, backend } = options;
  const said: string[] = [];
  const onNote = (note: string) => said.push(note);
  const runtime = taskRuntime(config.device, { choices, tune, cache, backend, onPreparation, onNote });
  said.push(...noteOnDevice(options.trainedOn, runtime));
  const parallel = sideBySide(threads, backend);
  const prepared = preparedMeta(config, { backbone, preprocessing, sets, runtime, threads, parallel });
  return { ...prepared, notes: [...said, ...prepared.notes] };
}

/** The runtime of tasks, whose kernels are chosen for sessions of one thread. */
export function taskRuntime(
  device: DeviceName,
  {
    choices,
    tune = true,
    cache,
    backend,
    onPreparation,
    onNote,
  }: Pick<PrepareOptions, 'choices' | 'tune' | 'cache' | 'backend' | 'onPreparation'> &
    Pick<NodeRuntimeOptions, 'onNote'>,
): Runtime {
  return createRuntime({
    device,
    ...((backend || chooseDevice(device).device === 'cpu') && { threads: 1 }),
    onNote,
    cache: tune ? cache : null,
    tune,
    backend,
    ...(choices && { choices }),
    onTuning: ({ done, total }) => onPreparation?.({ stage: 'timing kernels', done, total }),
    onCheck: ({ done, total }) => onPreparation?.({ stage: 'checking kernels', done, total }),
  });
}

/**
 * Tasks side by side, in as many sessions as there are threads; one also gets a thread, so that the number changes no
 * bit. Only where fewer tasks come at once than there are threads does a session have several of them. What a backend of the program's own compiles cannot be sent to a thread, nor what a GPU runs, of which a process
 * has one: there they come one after the other.
 */
export function sideBySide(threads: number, backend: Backend | undefined): CompileTasks {
  return async (outputs, { shared, atOnce, runtime }) => {
    if (backend || runtime.device !== 'cpu') return inSequence(await runtime.compile(outputs));
    const graph = await runtime.encode(outputs);
    const timed = runtime instanceof TimedRuntime ? runtime.timed(graph) : undefined;
    return openProgramPool(graph, { threads, atOnce, shared, timed });
  };
}

/** The dataset as a configuration opens it; the same for every later look at it. */
export async function openSets(
  path: string,
  config: Pick<
    ResolvedMetaConfig,
    'learner' | 'way' | 'split' | 'rotations' | 'seed' | 'memory' | 'shots' | 'queries' | 'fixedLabels'
  >,
  preprocessing: Preprocessing,
  { signal, cache, decoder, onPreparation }: Pick<PrepareOptions, 'signal' | 'cache' | 'decoder' | 'onPreparation'>,
): Promise<EpisodeSets> {
  const { split, rotations, seed, memory, shots, queries, fixedLabels } = config;
  const { crop, resize, squash, interpolation, colourProfile, orientation } = preprocessing;
  const onProgress = (done: number, total: number) => onPreparation?.({ stage: 'decoding images', done, total });
  const pool = openImagePool(decoder);
  try {
    if (fixedLabels) return await openSubsets(path, { seed, preprocessing, memory, pool, cache, onProgress });
    return await openEpisodes(path, {
      ...{ side: crop, resize, interpolation, squash, colourProfile, orientation, split, seed, memory, pool, cache },
      rotations: rotationsOf(rotations),
      perClass: shots + queries,
      untrainedWay: learners[config.learner].kind === 'baseline' ? config.way : undefined,
      onProgress,
      ...(signal && { signal }),
    });
  } finally {
    await pool.close();
  }
}
