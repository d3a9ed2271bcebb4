import { createHash } from 'node:crypto';
import { cpus } from 'node:os';
import type { Features } from '@graft-ml/core/graph';
import type { Cache } from '@graft-ml/core/internal/fit/cache';
import { dividing } from '@graft-ml/core/internal/fit/divided';
import { addComparedPooling } from '@graft-ml/core/internal/ops/compared-pool';
import { addProcessorLowerings } from '@graft-ml/core/internal/ops/conv-lowerings/processor';
import { shortenPasses } from '@graft-ml/core/internal/ops/processor-passes';
import { type Backend, type ThreadPair, wrapWith } from '@graft-ml/core/internal/runtime/backend';
import { probeFeatures } from '@graft-ml/core/internal/runtime/features';
import { Runtime, type RuntimeOptions } from '@graft-ml/core/internal/runtime/runtime';
import { type ChoiceStore, everyLowering, timingMethod } from '@graft-ml/core/internal/runtime/tuning';
import type { InferenceSession } from 'onnxruntime-common';
import { defaultCache } from '../cache/folder-cache.ts';
import { availableCores } from '../files/own-process.ts';
import { constantsInPlace } from './constants-in-place.ts';
import { cudaBackend } from './cuda.ts';
import { chooseDevice, type DeviceName } from './devices.ts';
import { openGatheringThread } from './gathering-thread.ts';
import { optionsOf } from './graph-options.ts';
import { loadInPlace } from './in-place.ts';
import { loadOrt, loadSession, ortVersion } from './ort.ts';
import { overwriting } from './overwriting.ts';
import { rowsAtOnce } from './rows-at-once.ts';
import { shippedChoices } from './shipped-choices.ts';
import { similarChoices } from './similar-choices.ts';
import { timedSession } from './timed-session.ts';
import { webgpuRuntime } from './webgpu.ts';

// Once and for all: which lowerings there are is part of what choices are stored under.
addProcessorLowerings();
shortenPasses();
addComparedPooling();
dividing.divide = async (...step) => {
  const { stepInParts } = await import('@graft-ml/core/internal/fit/step-in-parts');
  return stepInParts(...step);
};
dividing.divideFeatures = async (...features) => {
  const { featuresInTwo } = await import('@graft-ml/core/internal/fit/features-in-two');
  return featuresInTwo(...features);
};

export interface NodeRuntimeOptions extends Omit<RuntimeOptions, 'store' | 'shipped' | 'similar'> {
  /** The backend that runs the graphs, in place of `device`, `threads` and `session`. Default: ORT in this process. */
  readonly backend?: Backend | undefined;
  /**
   * The device: ORT's kernels for the processor, for a GPU by WebGPU, which are used where their numbers are right, each
   * checked at each shape before it is used, or for NVIDIA's by CUDA, where its libraries are installed. `auto` is the
   * first of `cuda`, `webgpu` and `cpu` that works, by trying them in a process of their own. Default `cpu`.
   */
  readonly device?: DeviceName | undefined;
  /** Told what `auto` chose and why, in a sentence. */
  readonly onNote?: ((note: string) => void) | undefined;
  /** Threads inside one operator. Default: the processor's cores, or `GRAFT_THREADS` of them. */
  readonly threads?: number;
  /** Remembers timings; null: they are made anew. Default: `defaultCache()`. */
  readonly cache?: Cache | null | undefined;
  /** Whether the choices that come with Graft for this processor are used. Default: with its own backend. */
  readonly shipped?: boolean;
  /**
   * Whether each shape is timed that was never timed here and that Graft brings no choice for. Default: only where Graft
   * has none for a similar shape either, so that training begins at once.
   */
  readonly exact?: boolean;
  /** Further options of ORT's sessions, for its profiler and for experiments. */
  readonly session?: InferenceSession.SessionOptions;
}

/** ORT in this process. @throws OptionError for a device that there is not, or whose libraries are not installed */
export function createRuntime(options: NodeRuntimeOptions = {}): Runtime {
  const {
    device: asked,
    onNote,
    threads = availableCores(),
    cache = defaultCache(),
    session = {},
    ...others
  } = options;
  const { device, reason } = chooseDevice(others.backend ? 'cpu' : asked);
  if (reason !== null) onNote?.(reason);
  if (device === 'webgpu') return webgpuRuntime({ ...others, threads, cache, session });
  const {
    backend = device === 'cuda' ? cudaBackend(threads, session) : cpuBackend(threads, session),
    shipped = others.backend === undefined && device === 'cpu',
    exact = !shipped,
    ...rest
  } = others;
  return new Runtime(backend, {
    ...rest,
    ...(cache !== null && { store: storeOf(backend, cache) }),
    ...(shipped && { shipped: shippedChoices }),
    ...(!exact && { similar: similarChoices }),
  });
}

/** The choices that were measured on a backend. */
export function storeOf({ identity }: Backend, cache: Cache): ChoiceStore {
  const lowerings = createHash('sha256').update(everyLowering()).digest('hex').slice(0, 8);
  return cache.choices(`${identity} · lowerings ${lowerings} · timing ${timingMethod}`);
}

/** The features of this processor, whatever the number of threads. */
let cpuFeatures: Promise<Features> | undefined;

/** ORT's processor kernels in this process. */
export function cpuBackend(threads: number, session: InferenceSession.SessionOptions = {}): Backend {
  const loadWith = (
    model: Uint8Array,
    count: number,
    further: InferenceSession.SessionOptions = {},
    bytes = model.length,
  ) => {
    const options = mergedOptions(optionsOf(bytes), session, further);
    return loadInPlace((whole) => loadSession(whole, count, options), model, bytes);
  };
  const load = Object.assign((model: Uint8Array) => loadWith(model, threads), {
    constantsInPlace: () => constantsInPlace((model, bytes, options) => loadWith(model, threads, options, bytes)),
  });
  const loadTimed = (model: Uint8Array, count: number) => timedSession((options) => loadWith(model, count, options));
  const half = threads / 2;
  const pair: ThreadPair = {
    load: (model) => loadWith(model, half),
    loadTimed: (model) => loadTimed(model, half),
    open: (graph, how) =>
      openGatheringThread(graph, {
        ...how,
        threads: half,
        options: mergedOptions(optionsOf(graph.model.length), session),
      }),
  };
  const wrap = wrapWith(loadOrt().Tensor);
  return {
    device: 'cpu',
    identity: `cpu · ${cpus()[0]?.model ?? process.arch} · ${threads} threads · onnxruntime ${ortVersion()}`,
    wrap,
    threads,
    load,
    loadForTiming: (model, count) => loadWith(model, count),
    overwriting,
    loadTimed: (model) => loadTimed(model, threads),
    pair: threads % 2 === 0 ? pair : undefined,
    rowsAtOnce: (count, graph) => rowsAtOnce(count, graph, threads),
    processorTime,
    features: () => {
      cpuFeatures ??= probeFeatures({ load, wrap });
      return cpuFeatures;
    },
  };
}

/** Later options take precedence; of `extra` both are kept. */
function mergedOptions(...all: readonly InferenceSession.SessionOptions[]): InferenceSession.SessionOptions {
  const extra = Object.assign({}, ...all.map((options) => options.extra));
  return Object.assign({}, ...all, { extra });
}

/** The processor time of this thread where Node tells it (from version 23.9 on), else of the process. */
function processorTime(): number {
  const timer: NodeJS.Process & { threadCpuUsage?: () => NodeJS.CpuUsage } = process;
  const { user, system } = timer.threadCpuUsage?.() ?? process.cpuUsage();
  return (user + system) / 1000;
}
