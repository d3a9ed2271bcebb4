import type { Features } from '@graft-ml/core/graph';
import { OptionError } from '@graft-ml/core/internal/base/errors';
import { type Backend, type WrapTensor, wrapWith } from '@graft-ml/core/internal/runtime/backend';
import { probeFeatures } from '@graft-ml/core/internal/runtime/features';
import { Runtime, type RuntimeOptions } from '@graft-ml/core/internal/runtime/runtime';
import { timingMethod } from '@graft-ml/core/internal/runtime/tuning';
import type { InferenceSession } from 'onnxruntime-web/wasm';
import { choiceStore } from './choice-store.ts';
import { defaultThreads, type WasmFiles, wasmBuild } from './ort.ts';
import { browser, loadSession } from './session.ts';
import { createGpuRuntime } from './webgpu.ts';

export interface WebRuntimeOptions extends Omit<RuntimeOptions, 'store' | 'shipped' | 'agreement'>, WasmFiles {
  /**
   * The device: `wasm` (the default) for ORT's CPU kernels in WebAssembly, `webgpu` for its GPU kernels, which are used
   * where their numbers are right, each checked at each shape before it is used.
   */
  readonly device?: 'wasm' | 'webgpu';
  /**
   * Threads inside one operator. More than one needs a page that is cross-origin isolated. Default: half the
   * processor's cores, at most 4, in such a page, else 1. The first runtime of a page or worker decides for all.
   */
  readonly threads?: number;
  /** The IndexedDB database that remembers timings and checks; null for none. Default: `graft`. */
  readonly cache?: string | null;
  /** Further options of ORT's sessions, for its profiler and for experiments. */
  readonly session?: InferenceSession.SessionOptions;
}

/**
 * onnxruntime-web in this page or worker. Nothing is loaded before the first graph is compiled.
 *
 * @throws OptionError for a device that there is not, or that this browser does not have; for threads that this page
 * cannot have; and for settings of WebAssembly other than those of an earlier runtime of the device, because
 * onnxruntime-web is set up once
 */
export function createRuntime(options: WebRuntimeOptions = {}): Runtime {
  const {
    device = 'wasm',
    threads = defaultThreads(),
    cache = 'graft',
    session = {},
    wasmPaths,
    wasmBinary,
    ...rest
  } = options;
  if (device === 'webgpu') {
    return createGpuRuntime({ threads, wasmPaths, wasmBinary }, { ...rest, cache, session });
  }
  if (device !== 'wasm') throw new OptionError({ option: 'device', expected: '"wasm" or "webgpu"', received: device });
  wasmBuild.setUp({ threads, wasmPaths, wasmBinary });
  const backend = wasmBackend(threads, session);
  const identity = async () => {
    const { env } = await wasmBuild.load();
    return `${backend.identity} · onnxruntime-web ${env.versions.web} · timing ${timingMethod}`;
  };
  return new Runtime(backend, { ...rest, ...(cache !== null && { store: choiceStore(cache, identity) }) });
}

/** The same in every runtime of a page: found out once. */
let wasmFeatures: Promise<Features> | undefined;

/**
 * ORT's processor kernels in WebAssembly. Nothing tells a page processor time, so candidates are timed by the clock.
 */
function wasmBackend(threads: number, session: InferenceSession.SessionOptions): Backend {
  let wrapLoaded: WrapTensor | undefined;
  const load = async (model: Uint8Array) => {
    wrapLoaded ??= wrapWith((await wasmBuild.load()).Tensor);
    return loadSession(wasmBuild, model, session);
  };
  const wrap: WrapTensor = (tensor) => {
    if (!wrapLoaded) throw new Error('wrap: there is no session yet that could take the tensor');
    return wrapLoaded(tensor);
  };
  return {
    device: 'wasm',
    identity: `wasm · ${browser()} · ${threads} threads`,
    wrap,
    threads,
    load: (model) => load(model),
    loadForTiming: load, // threads are the page's, not a session's
    features: () => {
      wasmFeatures ??= probeFeatures({ load, wrap });
      return wasmFeatures;
    },
  };
}
