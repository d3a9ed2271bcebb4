import { UserError } from '@graft-ml/core/internal/base/errors';
import type { Session } from '@graft-ml/core/internal/runtime/backend';
import { explainMemory } from '@graft-ml/core/internal/runtime/out-of-memory';
import type { InferenceSession, Tensor } from 'onnxruntime-web/wasm';
import type { OrtBuild } from './ort.ts';

/** What goes wrong is thrown; it need not be printed, too. */
const quiet = { logSeverityLevel: 4 } as const;

/**
 * A session in WebAssembly.
 *
 * @throws UserError where the memory does not suffice, and where WebAssembly cannot be loaded
 */
export async function loadSession(
  build: OrtBuild,
  model: Uint8Array,
  options: InferenceSession.SessionOptions = {},
): Promise<Session> {
  const ort = await build.load();
  const session = await explainStart(build, () =>
    explainMemory(() =>
      ort.InferenceSession.create(model, {
        executionProviders: ['wasm'],
        graphOptimizationLevel: 'all',
        // A plan of a run's memory would stand beside what its first run took, which a page never gives back.
        enableMemPattern: false,
        ...quiet,
        ...options,
      }),
    ),
  );
  return {
    // onnxruntime-web takes tensors for its outputs, and leaves them as they are (microsoft/onnxruntime issue 25786).
    // So they are asked for by name, and copied.
    run: async (feeds, fetches) => {
      const results = await session.run(feeds, Object.keys(fetches), quiet);
      for (const [name, fetched] of Object.entries(fetches)) copyInto(fetched, results[name]!);
    },
    release: () => session.release(),
  };
}

/** Copies numbers from one tensor to another of the same type. */
function copyInto(to: Tensor, from: Tensor): void {
  bytesOf(to).set(bytesOf(from));
}

function bytesOf({ data, type }: Tensor): Uint8Array {
  if (!ArrayBuffer.isView(data)) throw new TypeError(`A tensor of ${type} is not in one piece of memory`);
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** What onnxruntime-web says when it cannot start, with what helps. */
export async function explainStart<T>({ file }: Pick<OrtBuild, 'file'>, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const [, reason] =
      (error instanceof Error && /^no available backend found\. ERR: (.*)$/s.exec(error.message)) || [];
    if (reason === undefined) throw error;
    const remedy = reason.includes('timeout')
      ? 'Its threads load the script that it is in, which must hold nothing else: let the bundler keep what is ' +
        "imported dynamically in files of their own (in Vite worker: { format: 'es' }), or pass threads: 1."
      : `It needs the file ${file}: wasmPaths says where it is served, wasmBinary gives its content.`;
    throw new UserError(`onnxruntime-web does not start here: ${reason.replace(/\.?$/, '.')} ${remedy}`, {
      cause: error,
    });
  }
}

/** The browser and its version; the tests of this package run in Node as well. */
export function browser(): string {
  return typeof navigator === 'undefined' ? 'no browser' : navigator.userAgent;
}
