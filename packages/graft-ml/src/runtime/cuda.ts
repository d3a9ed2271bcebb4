/* ORT's CUDA kernels, whose libraries are NVIDIA's and the user's to install: nothing here downloads them. */
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { option } from '@graft-ml/core/internal/base/code';
import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import { type Backend, wrapWith } from '@graft-ml/core/internal/runtime/backend';
import type { InferenceSession } from 'onnxruntime-common';
import { gpuIdentity, hasNvidia } from './gpu-facts.ts';
import { createSession, loadOrt, ortVersion } from './ort.ts';

/** What is missing for CUDA, as a sentence that ends what came before; undefined where all is there. */
export function missingForCuda(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return `onnxruntime-node has CUDA for linux-x64 alone, and this is ${process.platform}-${process.arch}`;
  }
  if (!hasNvidia()) return 'there is no NVIDIA driver here (/proc/driver/nvidia)';
  if (!hasCudaProvider()) return 'onnxruntime-node was installed without its CUDA provider';
  return undefined;
}

/** Whether the part of onnxruntime-node that npm's registry does not have is there. */
function hasCudaProvider(): boolean {
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node');
  const bin = join(dirname(entry), '..', 'bin');
  if (!existsSync(bin)) return false;
  return readdirSync(bin).some((version) =>
    existsSync(join(bin, version, 'linux', 'x64', 'libonnxruntime_providers_cuda.so')),
  );
}

const remedy =
  'It needs an NVIDIA driver, CUDA 12 with cuDNN 9 where the dynamic linker finds them, and the CUDA provider of ' +
  'onnxruntime-node: `ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild onnxruntime-node` fetches that from NuGet. Graft ' +
  'downloads none of it.';

/** ORT's CUDA kernels in this process. @throws OptionError where something that they need is not there */
export function cudaBackend(threads: number, session: InferenceSession.SessionOptions = {}): Backend {
  const missing = missingForCuda();
  if (missing !== undefined) {
    const problem = ` is "cuda", and ${missing}. ${remedy} ${option('device', 'cpu')} needs none of it.`;
    throw new OptionError({ option: 'device', expected: 'a device that is there', received: 'cuda', problem });
  }
  const load = (model: Uint8Array) =>
    createSession(model, {
      executionProviders: ['cuda'],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      graphOptimizationLevel: 'all',
      logSeverityLevel: 4,
      ...session,
    }).catch((error: unknown) => {
      if (error instanceof UserError || !isAboutLibraries(error)) throw error;
      const [reason] = (error as Error).message.split('\n');
      throw new UserError(`${option('device', 'cuda')}: its libraries cannot be loaded (${reason}). ${remedy}`, {
        cause: error,
      });
    });
  return {
    device: 'cuda',
    identity: `cuda · ${gpuIdentity()} · ${threads} threads · onnxruntime ${ortVersion()}`,
    threads,
    wrap: wrapWith(loadOrt().Tensor),
    load,
    loadForTiming: load,
    features: async () => new Set(),
  };
}

const isAboutLibraries = (error: unknown) =>
  error instanceof Error && /cannot open shared object|Failed to load library|CUDA failure|cuDNN/i.test(error.message);
