/*
 * ORT's own WebGPU kernels, in the build of onnxruntime-web that has them. Some of them are wrong at some shapes (core's
 * agreement.ts), so each is compared with the processor's kernels of the same build before it is used.
 */
import { encode, input } from '@graft-ml/core/graph';
import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import type { Agreement } from '@graft-ml/core/internal/runtime/agreement';
import { type Backend, type Session, type WrapTensor, wrapWith } from '@graft-ml/core/internal/runtime/backend';
import { Runtime, type RuntimeOptions } from '@graft-ml/core/internal/runtime/runtime';
import { timingMethod } from '@graft-ml/core/internal/runtime/tuning';
import type { InferenceSession } from 'onnxruntime-web/webgpu';
import { choiceStore } from './choice-store.ts';
import { type Ort, type OrtSettings, ortBuild } from './ort.ts';
import { browser, loadSession } from './session.ts';

const webgpuBuild = ortBuild('ort-wasm-simd-threaded.asyncify.wasm', () => import('onnxruntime-web/webgpu'));

export interface GpuRuntimeOptions extends Omit<RuntimeOptions, 'store' | 'shipped' | 'agreement'> {
  readonly cache: string | null;
  readonly session: InferenceSession.SessionOptions;
}

/** @throws OptionError where this browser has no WebGPU, and as `OrtBuild.setUp` does */
export function createGpuRuntime(settings: OrtSettings, { cache, session, ...rest }: GpuRuntimeOptions): Runtime {
  if (typeof navigator === 'undefined' || !navigator.gpu) {
    const problem =
      ' is "webgpu", and there is no WebGPU here: navigator.gpu is missing. A browser has it in pages from https or ' +
      "from localhost, and not every browser has it yet. Leave device out, or pass 'wasm'.";
    throw new OptionError({ option: 'device', expected: '"wasm"', received: 'webgpu', problem });
  }
  webgpuBuild.setUp(settings);
  const device = backendOf('webgpu', settings.threads, session);
  const reference = backendOf('wasm', settings.threads, session);
  const identity = async (found: string) => {
    const { env } = await webgpuBuild.load();
    return `${device.identity} · ${await adapter()} · onnxruntime-web ${env.versions.web} · ${found}`;
  };
  const store = (found: string) => (cache === null ? undefined : choiceStore(cache, () => identity(found)));
  let made: Promise<Agreement> | undefined;
  const agreement = () => {
    made ??= import('@graft-ml/core/internal/runtime/agreement').then(
      ({ Agreement: Checks, checkMethod }) => new Checks(device, reference, store(`check ${checkMethod}`)),
    );
    return made;
  };
  const timings = store(`timing ${timingMethod}`);
  return new Runtime(device, { ...rest, agreement, ...(timings && { store: timings }) });
}

function backendOf(provider: 'webgpu' | 'wasm', threads: number, session: InferenceSession.SessionOptions): Backend {
  let wrapLoaded: WrapTensor | undefined;
  const load: Backend['load'] = async (model, { onCpu = [], deviceOnly = false } = {}) => {
    const ort = await openGpu();
    wrapLoaded ??= wrapWith(ort.Tensor);
    const gpu = {
      name: 'webgpu',
      // In the other layout ORT rewrites the graph around each convolution, into one that nobody has checked.
      preferredLayout: 'NCHW',
      ...(onCpu.length > 0 && { forceCpuNodeNames: onCpu }),
    } as const;
    const made = await inTurn(ort, () =>
      loadSession(webgpuBuild, model, {
        ...session,
        executionProviders: provider === 'webgpu' ? [gpu] : ['wasm'],
        // The nodes that run are those that were checked: none is merged with another.
        graphOptimizationLevel: 'disabled',
        extra: { ...session.extra, session: { ...(deviceOnly && { disable_cpu_ep_fallback: '1' }) } },
      }),
    );
    return {
      run: (feeds, fetches) => inTurn(ort, () => made.run(feeds, fetches)),
      release: () => inTurn(ort, () => made.release()),
    } satisfies Session;
  };
  return {
    device: provider,
    isBesideCpu: provider === 'webgpu',
    identity: `${provider} · ${browser()} · ${threads} threads`,
    threads,
    wrap: (tensor) => {
      if (!wrapLoaded) throw new Error('wrap: there is no session yet that could take the tensor');
      return wrapLoaded(tensor);
    },
    load,
    loadForTiming: (model) => load(model),
    features: async () => new Set(),
  };
}

let opened: Promise<Ort> | undefined;

/**
 * The library with the GPU, which it gives back when its last session is released, and with it what it has compiled: so
 * one session stays.
 *
 * @throws UserError where there is no adapter, or no WebAssembly
 */
function openGpu(): Promise<Ort> {
  opened ??= (async () => {
    await adapter();
    const ort = await webgpuBuild.load();
    const { model } = encode({ y: input('x', 'f32', [1]) });
    await loadSession(webgpuBuild, model, { executionProviders: ['webgpu'] });
    return ort;
  })();
  return opened;
}

let adapterFound: Promise<string> | undefined;

/** The GPU and its driver, as far as the browser tells. @throws UserError where there is none that it would use */
function adapter(): Promise<string> {
  adapterFound ??= findAdapter();
  return adapterFound;
}

async function findAdapter(): Promise<string> {
  const found = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!found) {
    throw new UserError(
      'This browser knows WebGPU, but has no adapter for it: there is no GPU here, or its driver is not one that it ' +
        "trusts. Pass device: 'wasm'.",
    );
  }
  // Browsers of 2024 have no `info` yet.
  const { vendor = '', architecture = '', device = '', description = '' } = found.info ?? {};
  return [vendor, architecture, device, description].join('/');
}

let last: Promise<unknown> = Promise.resolve();

/**
 * Does one thing after the other: ORT has one stack for what waits on the GPU, and two sessions at once break it.
 *
 * @throws UserError where the GPU was lost, which is no fault of the kernel that ran
 */
function inTurn<T>(ort: Ort, work: () => Promise<T>): Promise<T> {
  const done = last.then(work).catch(async (error: unknown) => {
    const reason = await lossOf(ort);
    if (reason === undefined) throw error;
    throw new UserError(`The GPU was lost (${reason}). Load the page again, or pass device: 'wasm'.`, { cause: error });
  });
  last = done.catch(() => {});
  return done;
}

/** Why the GPU that ORT uses was lost; undefined where it was not. */
async function lossOf({ env }: Ort): Promise<string | undefined> {
  const device = await env.webgpu.device;
  const moment = new Promise<undefined>((resolve) => setTimeout(resolve, 0));
  const loss = await Promise.race([device.lost, moment]);
  return loss && (loss.message || loss.reason);
}
