/*
 * The one door to onnxruntime-node. It is loaded when it is first needed, with its telemetry off.
 *
 * The official builds of ONNX Runtime record what is done with them, queue it in the user's cache folder and send it to
 * Microsoft, unless `ORT_DISABLE_TELEMETRY` is set when the process starts its first session.
 */
import { createRequire } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { explainMemory } from '@graft-ml/core/internal/runtime/out-of-memory';
import type { InferenceSession } from 'onnxruntime-common';

type Ort = typeof import('onnxruntime-node');

process.env.ORT_DISABLE_TELEMETRY = '1';

let loaded: Ort | undefined;

/** The library. @throws UserError where it is not installed, or does not run on this machine */
export function loadOrt(): Ort {
  if (loaded) return loaded;
  try {
    const library: Ort = createRequire(import.meta.url)('onnxruntime-node');
    loaded = library;
    return library;
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const isMissing = code === 'MODULE_NOT_FOUND' && message.includes("'onnxruntime-node'");
    throw new UserError(isMissing ? missing : `onnxruntime-node does not run on this machine: ${message}`, { cause });
  }
}

const missing =
  'onnxruntime-node is not installed. npm leaves it out where its install script fails, which fetches CUDA libraries ' +
  'from outside npm’s registry. Graft uses none of them: run `npm install --ignore-scripts` in your project.';

/** The version of ONNX Runtime, as runs record it. */
export function ortVersion(): string {
  return loadOrt().env.versions.node ?? 'unknown';
}

/**
 * Between two runs a session's threads would go on looking for work in a loop, for a while: at the expense of what decodes
 * images, computes the next batch or runs another session (docs/performance.md, "Between two steps"). During a run they
 * do, which makes it faster.
 */
const stopsSpinning = { 'session.force_spinning_stop': '1' };

let mayStart = isMainThread;

/**
 * A session of ONNX Runtime.
 *
 * @throws UserError where the memory does not suffice, and in a worker thread of a process in which its telemetry
 * cannot be switched off any more
 */
export async function createSession(
  model: Uint8Array,
  options: InferenceSession.SessionOptions = {},
): Promise<InferenceSession> {
  mayStart ||= isTelemetryOff();
  if (!mayStart) {
    throw new UserError(
      'ONNX Runtime would send usage data from this process, and a worker thread cannot switch that off. Import ' +
        'graft-ml in the main thread before this worker starts, or start Node with ORT_DISABLE_TELEMETRY=1.',
    );
  }
  const extra = { ...stopsSpinning, ...options.extra };
  return explainMemory(() => loadOrt().InferenceSession.create(model, { ...options, extra }));
}

/**
 * Whether the native library sees the variable. In a worker thread `process.env` is as a rule a copy, and what is set
 * in it never reaches the process, so the report is asked, which reads the process's own environment.
 */
function isTelemetryOff(): boolean {
  const report: NodeJS.ProcessReport & { excludeNetwork?: boolean } = process.report;
  const { excludeNetwork = false } = report;
  report.excludeNetwork = true; // looking up the names of network addresses can take seconds
  const { environmentVariables } = report.getReport() as unknown as { environmentVariables?: NodeJS.ProcessEnv };
  report.excludeNetwork = excludeNetwork;
  return environmentVariables?.ORT_DISABLE_TELEMETRY === '1';
}

/** Weights that kernels lay out anew for themselves go back to the system; ORT's arena would keep what they were made of. */
const returnsWeights = { 'session.use_device_allocator_for_initializers': '1' };

/**
 * A session on the processor. It plans no memory: a plan of a whole run is made after the first, and is one more block
 * beside the memory that the first run took piece by piece, which stays (docs/performance.md, "The memory of a step").
 */
export function loadSession(
  model: Uint8Array,
  threads: number,
  options: InferenceSession.SessionOptions = {},
): Promise<InferenceSession> {
  return createSession(model, {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
    enableMemPattern: false,
    logSeverityLevel: 4, // what goes wrong is thrown, too
    ...options,
    extra: { ...returnsWeights, ...options.extra },
  });
}
