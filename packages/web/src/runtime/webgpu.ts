/*
 * ORT's own WebGPU kernels, in the build of onnxruntime-web that has them. Some of them are wrong at some shapes (core's
 * agreement.ts), so each is compared with the processor's kernels of the same build before it is used.
 */
import { encode, input } from '@graft-ml/core/graph';
import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import type { Agreement } from '@graft-ml/core/internal/runtime/agreement';
import type { Backend } from '@graft-ml/core/internal/runtime/backend';
import { Runtime, type RuntimeOptions } from '@graft-ml/core/internal/runtime/runtime';
import { timingMethod } from '@graft-ml/core/internal/runtime/tuning';
import { takingTurns, writtenBackend } from '@graft-ml/core/internal/runtime/written-backend';
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

function backendOf(device: 'webgpu' | 'wasm', threads: number, session: InferenceSession.SessionOptions): Backend {
  return writtenBackend({
    device,
    identity: `${browser()} · ${threads} threads`,
    threads,
    session,
    open: async () => {
      const { Tensor } = await openGpu();
      return { Tensor, createSession: (model, options) => loadSession(webgpuBuild, model, options) };
    },
    inTurn,
  });
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

const takeTurn = takingTurns();

/**
 * Does one thing after the other: ORT has one stack for what waits on the GPU, and two sessions at once break it.
 *
 * @throws UserError where the GPU was lost, which is no fault of the kernel that ran
 */
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const orLost = async (error: unknown): Promise<never> => {
    const reason = await lossOf(await webgpuBuild.load());
    if (reason === undefined) throw error;
    throw new UserError(`The GPU was lost (${reason}). Load the page again, or pass device: 'wasm'.`, { cause: error });
  };
  return takeTurn(() => work().catch(orLost));
}

/** Why the GPU that ORT uses was lost; undefined where it was not. */
async function lossOf({ env }: Ort): Promise<string | undefined> {
  const device = await env.webgpu.device;
  const moment = new Promise<undefined>((resolve) => setTimeout(resolve, 0));
  const loss = await Promise.race([device.lost, moment]);
  return loss && (loss.message || loss.reason);
}
