import { InferenceSession } from 'onnxruntime-node';

/** A session on the processor. */
export function loadSession(
  model: Uint8Array,
  threads: number,
  options: InferenceSession.SessionOptions = {},
): Promise<InferenceSession> {
  return InferenceSession.create(model, {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
    ...options,
  });
}
