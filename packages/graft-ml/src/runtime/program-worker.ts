/*
 * A thread with a session of its own, as a rule of one ORT thread. What is shared lies in memory that all threads see; the main
 * thread writes it while nothing is computed.
 */

import { setTimeout } from 'node:timers/promises';
import { type Tensor, zeros } from '@graft-ml/core/internal/base/tensor';
import type { TimedRun } from '@graft-ml/core/internal/runtime/backend';
import { wrapWith } from '@graft-ml/core/internal/runtime/backend';
import { Program } from '@graft-ml/core/internal/runtime/program';
import type { InferenceSession } from 'onnxruntime-common';
import Tinypool from 'tinypool';
import { loadInPlace } from './in-place.ts';
import { loadOrt, loadSession } from './ort.ts';
import { bytesOf, type ProgramCall, type ProgramThreadData } from './thread-messages.ts';
import { timedSession } from './timed-session.ts';

const { graph, shared, threads, timing } = Tinypool.workerData as ProgramThreadData;
// ORT's optimizers find nothing in an unrolled inner loop that makes it faster, and take five times as long to look for
// it as all else (docs/performance.md). A plan of its memory would double it (`graph-options.ts`).
const load = (options: InferenceSession.SessionOptions = {}) =>
  loadInPlace((model) => loadSession(model, threads, { graphOptimizationLevel: 'disabled', ...options }), graph.model);
const timed = timing && timedSession(load);
const program = (timed ?? load()).then((opened) => new Program(opened, graph, wrapWith(loadOrt().Tensor)));
// ORT reads no shared memory, so each thread has a copy.
const own = Object.fromEntries(Object.entries(shared).map(([name, { type }]) => [name, zeros(type.dtype, type.shape)]));
let ownVersion = -1;

export async function run({ version, feeds }: ProgramCall): Promise<Record<string, Tensor>> {
  if (version !== ownVersion) {
    for (const [name, { bytes }] of Object.entries(shared)) bytesOf(own[name]!).set(bytes);
    ownVersion = version;
  }
  return (await program).run({ ...own, ...feeds });
}

/** Resolves when the session is there. */
export async function ready(): Promise<void> {
  await program;
}

/** Ends the timing of kernels, when every thread has been told to. */
export async function endTiming(): Promise<readonly TimedRun[]> {
  if (!timing || !timed) return [];
  Atomics.add(timing.ended, 0, 1);
  while (Atomics.load(timing.ended, 0) < timing.sessions) await setTimeout(1);
  return (await timed).endTiming();
}
