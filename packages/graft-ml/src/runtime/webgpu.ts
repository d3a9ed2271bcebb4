/*
 * ORT's WebGPU kernels in onnxruntime-node. Some of them are wrong at some shapes (core's agreement.ts), so each is
 * compared with the processor's kernels of the same build before it is used.
 */
import { isMainThread } from 'node:worker_threads';
import { encode, input } from '@graft-ml/core/graph';
import { option } from '@graft-ml/core/internal/base/code';
import { UserError } from '@graft-ml/core/internal/base/errors';
import type { Cache } from '@graft-ml/core/internal/fit/cache';
import { Agreement, checkMethod } from '@graft-ml/core/internal/runtime/agreement';
import { Runtime, type RuntimeOptions } from '@graft-ml/core/internal/runtime/runtime';
import { timingMethod } from '@graft-ml/core/internal/runtime/tuning';
import { type OpenedOrt, takingTurns, writtenBackend } from '@graft-ml/core/internal/runtime/written-backend';
import type { InferenceSession } from 'onnxruntime-common';
import { failureOfSession, gpuIdentity } from './gpu-facts.ts';
import { createSession, loadOrt, ortVersion } from './ort.ts';

export interface GpuRuntimeOptions extends Omit<RuntimeOptions, 'store' | 'shipped' | 'agreement'> {
  readonly threads: number;
  readonly cache: Cache | null;
  readonly session: InferenceSession.SessionOptions;
}

/** ORT's WebGPU kernels in this process. A GPU that is missing is an error of the first graph. */
export function webgpuRuntime({ threads, cache, session, ...rest }: GpuRuntimeOptions): Runtime {
  const settings = {
    identity: `${gpuIdentity()} · ${threads} threads · onnxruntime ${ortVersion()}`,
    threads,
    session: { logSeverityLevel: 4, intraOpNumThreads: threads, interOpNumThreads: 1, ...session },
    open: openGpu,
    inTurn,
  } as const;
  const device = writtenBackend({ device: 'webgpu', ...settings });
  const reference = writtenBackend({ device: 'cpu', ...settings });
  const store = (found: string) => cache?.choices(`${device.identity} · ${found}`);
  const agreement = new Agreement(device, reference, store(`check ${checkMethod}`));
  const timings = store(`timing ${timingMethod}`);
  return new Runtime(device, { ...rest, agreement: async () => agreement, ...(timings && { store: timings }) });
}

let opened: Promise<OpenedOrt> | undefined;

/**
 * The library with the GPU, which it gives back when its last session is released, and with it what it has compiled: so
 * one session stays.
 *
 * @throws UserError where there is no GPU that it can use, and in a worker thread: the GPU belongs to the process
 */
function openGpu(): Promise<OpenedOrt> {
  opened ??= (async () => {
    if (!isMainThread) {
      throw new UserError(
        `${option('device', 'webgpu')}: ONNX Runtime has one GPU for the whole process, and two threads at once break ` +
          'it. Use it from the main thread.',
      );
    }
    const { model } = encode({ y: input('x', 'f32', [1]) });
    await createSession(model, { executionProviders: ['webgpu'], logSeverityLevel: 4 }).catch((error: unknown) => {
      throw noGpu(error);
    });
    return { Tensor: loadOrt().Tensor, createSession };
  })();
  return opened;
}

function noGpu(cause: unknown): UserError {
  return new UserError(
    `${option('device', 'webgpu')}: ONNX Runtime finds no GPU here (${failureOfSession(cause)}). It reaches one by Vulkan on Linux, ` +
      'Direct3D 12 on Windows and Metal on macOS; on Linux the GPU’s Vulkan driver and libvulkan1 must be installed, and ' +
      `\`vulkaninfo --summary\` must list it. ${option('device', 'cpu')} needs none.`,
    { cause },
  );
}

const takeTurn = takingTurns();

/**
 * Does one thing after the other: ORT has one GPU per process, and two sessions at once break it.
 *
 * @throws UserError where the GPU was lost, which is no fault of the kernel that ran
 */
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  return takeTurn(() =>
    work().catch((error: unknown) => {
      if (!(error instanceof Error) || !/device (is |was )?lost/i.test(error.message)) throw error;
      throw new UserError(
        'The GPU was lost: its driver was reset, or its memory ran out. `resumeTraining` goes on from the last ' +
          `checkpoint; a smaller ${option('batch')}, or ${option('device', 'cpu')}, needs less of it.`,
        { cause: error },
      );
    }),
  );
}
