import type { Profiler } from '@graft-ml/core/internal/fit/profile/profiler';
import type { ImageDecoder } from '@graft-ml/core/internal/image/decoder';
import type { Seen } from '@graft-ml/core/internal/image/seen';
import type { ResolvedConfig } from '@graft-ml/core/internal/recipe/config/index';
import {
  assertWeightsOption,
  type Preparation,
  type Prepared,
  preparedRun,
  runStart,
} from '@graft-ml/core/internal/runs/prepared';
import { ResourceMeter } from '@graft-ml/core/internal/runs/resources';
import type { OwnOnnx } from '@graft-ml/core/internal/runs/run-files';
import type { Backend, Choices, Runtime } from '@graft-ml/core/runtime';
import { defaultCache } from '../cache/folder-cache.ts';
import { openBackbone } from '../checkpoint/backbone.ts';
import { datasetOptionsOf } from '../data/configured.ts';
import { type Dataset, openDataset } from '../data/dataset.ts';
import { assertMayHoldImages } from '../data/readers/find-candidates.ts';
import type { FolderCache } from '../files/cache-folder.ts';
import type { FetchOptions } from '../files/download/fetch-file.ts';
import { availableCores } from '../files/own-process.ts';
import { processMemory } from '../runs/host.ts';
import { createRuntime } from '../runtime/index.ts';
import { openRunImages } from './run-images.ts';

export interface PrepareOptions {
  /** The cache for downloads and results that can be computed again. Default: `defaultCache()`; null: none. */
  readonly cache?: FolderCache | null | undefined;
  /**
   * The image decoder: a pool, or a program's own. It stays its owner's. Default: threads of this process, opened and
   * closed.
   */
  readonly decoder?: ImageDecoder | undefined;
  /** The backend that runs the graphs. Default: ORT in this process, with the configuration's threads. */
  readonly backend?: Backend | undefined;
  /** Lowerings and threads that stand. */
  readonly choices?: Choices | undefined;
  /** Whether lowerings are timed; false: nor are those taken that were timed earlier. */
  readonly tune?: boolean | undefined;
  readonly threads?: number | undefined;
  /** The device on which a run that is resumed was trained so far. */
  readonly trainedOn?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onPreparation?: ((progress: Preparation) => void) | undefined;
  readonly onNote?: ((note: string) => void) | undefined;
  readonly download?: FetchOptions | undefined;
  /** The run's own copy of an ONNX model. */
  readonly onnxFile?: OwnOnnx | undefined;
  /** Is told what weights and images take. */
  readonly meter?: ResourceMeter | undefined;
  readonly cleanups: (() => Promise<void>)[];
  /** Is told which images threads decode. */
  readonly profiler?: Profiler | undefined;
  /**
   * For a run that is resumed, or compared with another: the images that its weights had seen when it began, which
   * decide its split.
   */
  readonly before?: Seen | null | undefined;
  /**
   * When pixels are decoded to see whether they are damaged: `later` is for a caller who can begin again. Default
   * `now`.
   */
  readonly decode?: 'now' | 'later' | undefined;
}

/** Reads the weights, checks the images, sets up the runtime. @throws the signal's reason soon after it is aborted */
export async function prepare(
  path: string,
  config: ResolvedConfig,
  options: PrepareOptions,
): Promise<Prepared<Dataset>> {
  const { choices, signal, cleanups, cache = defaultCache(), onNote = () => {} } = options;
  const meter = options.meter ?? new ResourceMeter(processMemory);
  const onPreparation = (progress: Preparation) => {
    signal?.throwIfAborted();
    options.onPreparation?.(progress);
  };
  assertWeightsOption(config);
  await assertMayHoldImages(path); // before weights are downloaded
  const backbone = await meter
    .during('weights', () =>
      openBackbone(config, {
        onnxFile: options.onnxFile,
        download: { cache, ...options.download, ...(signal && { signal }) },
      }),
    )
    .catch(async (error: unknown) => {
      // What is wrong with the images is nearer than where weights come from.
      if (!signal?.aborted) await openDataset(path, { ...datasetOptionsOf(config), cache, decode: 'later', signal });
      throw error;
    });
  const begun = runStart(config, backbone);
  const threads = options.backend?.threads ?? options.threads ?? config.threads ?? availableCores();
  const said: string[] = [];
  const runtime = createRuntime({
    device: config.device,
    threads,
    backend: options.backend,
    cache: options.tune === false ? null : cache,
    ...(options.tune === false && { tune: false }),
    ...(choices && { choices }),
    onNote: (note) => said.push(note),
    onTuning: ({ done, total }) => onPreparation({ stage: 'timing kernels', done, total }),
    onCheck: ({ done, total }) => onPreparation({ stage: 'checking kernels', done, total }),
  });
  said.push(...noteOnDevice(options.trainedOn, runtime));
  const before = options.before === undefined ? (begun.start?.seen ?? null) : options.before;
  const images = await meter.during('images', () =>
    openRunImages(path, config, {
      before,
      decode: options.decode,
      decoder: options.decoder,
      cache,
      signal,
      cleanups,
      profiler: options.profiler,
      onProgress: (done, total) => options.onPreparation?.({ stage: 'checking images', done, total }),
    }),
  );
  const noted = { ...images, notes: [...said, ...images.notes] };
  return preparedRun(begun, { images: noted, runtime, before, threads, onPreparation, onNote, cache });
}

/** A note where a run is resumed on another device than it was trained on: it does not end as if it had not stopped. */
export function noteOnDevice(trainedOn: string | undefined, { device }: Runtime): string[] {
  if (trainedOn === undefined || trainedOn === device) return [];
  return [
    `Device: ${device}. The run was trained on ${trainedOn} so far: from here on its numbers are not to the bit those ` +
      'that it would have come to there.',
  ];
}
