import type { InferenceSession } from 'onnxruntime-common';
import { createSession } from './ort.ts';

/** A session on the processor. */
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
    logSeverityLevel: 4, // what goes wrong is thrown, too
    ...options,
  });
}
