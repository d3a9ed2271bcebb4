/*
 * The one door to onnxruntime-node: whoever comes through it has its telemetry switched off first.
 */
import './no-telemetry.ts'; // first: modules are evaluated in the order of their imports
import { isMainThread } from 'node:worker_threads';
import { env, InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { UserError } from '../../base/errors.ts';
import { isTelemetryOff } from './no-telemetry.ts';

export { OrtTensor };

/** The version of ONNX Runtime, as runs record it. */
export const ortVersion = env.versions.node ?? 'unknown';

let mayStart = isMainThread;

/**
 * A session of ONNX Runtime.
 *
 * @throws UserError in a worker thread of a process in which its telemetry cannot be switched off any more
 */
export async function createSession(
  model: Uint8Array,
  options: InferenceSession.SessionOptions = {},
): Promise<InferenceSession> {
  mayStart ||= isTelemetryOff();
  if (!mayStart) {
    throw new UserError(
      'ONNX Runtime would send usage data from this process, and a worker thread cannot switch that off. Import graft-ml in ' +
        'the main thread before this worker starts, or start Node with ORT_DISABLE_TELEMETRY=1.',
    );
  }
  return InferenceSession.create(model, options);
}
