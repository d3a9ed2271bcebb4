/*
 * A thread with a session whose program adds up what it makes of several sets of feeds. Tensors go to and fro without a
 * copy.
 */
import { wrapWith } from '@graft-ml/core/internal/runtime/backend';
import { gatherInto } from '@graft-ml/core/internal/runtime/gathering';
import { Program } from '@graft-ml/core/internal/runtime/program';
import type { InferenceSession } from 'onnxruntime-common';
import Tinypool, { kTransferable, kValue } from 'tinypool';
import { loadInPlace } from './in-place.ts';
import { loadOrt, loadSession } from './ort.ts';
import { buffersOf, type GatheringCall, type GatheringResult, type GatheringThreadData } from './thread-messages.ts';
import { timedSession } from './timed-session.ts';

const { graph, overwritten, threads, options, isTimed } = Tinypool.workerData as GatheringThreadData;
const load = (further: InferenceSession.SessionOptions = {}) =>
  loadInPlace((model) => loadSession(model, threads, { ...options, ...further }), graph.model);
const timed = isTimed ? timedSession(load) : null;
const program = (timed ?? load()).then(
  (session) => new Program(session, graph, wrapWith(loadOrt().Tensor), overwritten),
);

/** Resolves when the session is there. */
export async function ready(): Promise<void> {
  await program;
}

export async function gather({ values, sums, feeds }: GatheringCall): Promise<unknown> {
  const { results } = await gatherInto(sums, await program, values, feeds);
  const result: GatheringResult = { values, sums, results };
  return Tinypool.move({ [kTransferable]: buffersOf(values, sums), [kValue]: result });
}

/** Ends the timing of kernels. */
export async function endTiming() {
  return (await timed)?.endTiming() ?? [];
}

/** Frees the session, with what its profiler has written. */
export async function close(): Promise<void> {
  await (await program).release();
}
