import type { Features } from '@graft-ml/core/graph';
import { OptionError } from '@graft-ml/core/internal/base/errors';
import { type Backend, type WrapTensor, wrapWith } from '@graft-ml/core/internal/runtime/backend';
import { probeFeatures } from '@graft-ml/core/internal/runtime/features';
import { Runtime, type RuntimeOptions } from '@graft-ml/core/internal/runtime/runtime';
import type { InferenceSession } from 'onnxruntime-web/wasm';
import { choiceStore } from './choice-store.ts';
import { defaultThreads, loadOrt, setUpOrt, type WasmFiles } from './ort.ts';
import { loadSession } from './session.ts';

export interface WebRuntimeOptions extends Omit<RuntimeOptions, 'store' | 'shipped'>, WasmFiles {
  /** The device; only `wasm` as yet: ORT's CPU kernels in WebAssembly. */
  readonly device?: 'wasm';
  /**
   * Threads inside one operator. More than one needs a page that is cross-origin isolated. Default: half the
   * processor's cores, at most 4, in such a page, else 1. The first runtime of a page or worker decides for all.
   */
  readonly threads?: number;
  /** The IndexedDB database that remembers timings; null for none. Default: `graft`. */
  readonly cache?: string | null;
  /** Further options of ORT's sessions, for its profiler and for experiments. */
  readonly session?: InferenceSession.SessionOptions;
}

/**
 * onnxruntime-web in this page or worker. Nothing is loaded before the first graph is compiled.
 *
 * @throws OptionError for a device that there is not, for threads that this page cannot have, and for settings of
 * WebAssembly other than those of an earlier runtime, because onnxruntime-web is set up once
 */
export function createRuntime(options: WebRuntimeOptions = {}): Runtime {
  const {
    device = 'wasm',
    threads = defaultThreads(),
    cache = 'graft',
    session,
    wasmPaths,
    wasmBinary,
    ...rest
  } = options;
  if (device !== 'wasm') throw new OptionError({ option: 'device', expected: '"wasm"', received: device });
  setUpOrt({ threads, wasmPaths, wasmBinary });
  const backend = wasmBackend(threads, session);
  const identity = async () => `${backend.identity} · onnxruntime-web ${(await loadOrt()).env.versions.web}`;
  return new Runtime(backend, { ...rest, ...(cache !== null && { store: choiceStore(cache, identity) }) });
}

/** The same in every runtime of a page: found out once. */
let wasmFeatures: Promise<Features> | undefined;

/**
 * ORT's processor kernels in WebAssembly. Nothing tells a page processor time, so candidates are timed by the clock.
 */
function wasmBackend(threads: number, session: InferenceSession.SessionOptions = {}): Backend {
  let wrapLoaded: WrapTensor | undefined;
  const load = async (model: Uint8Array) => {
    wrapLoaded ??= wrapWith((await loadOrt()).Tensor);
    return loadSession(model, session);
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
    load,
    loadForTiming: load, // threads are the page's, not a session's
    features: () => {
      wasmFeatures ??= probeFeatures({ load, wrap });
      return wasmFeatures;
    },
  };
}

/** The browser and its version; the tests of this package run in Node as well. */
function browser(): string {
  return typeof navigator === 'undefined' ? 'no browser' : navigator.userAgent;
}
