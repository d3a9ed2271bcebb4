/// <reference lib="esnext.disposable" preserve="true" />
import type { EncodedGraph } from '@graft-ml/core/graph';
import {
  bytesPerElement,
  sizeOf,
  type Tensor,
  type Tensors,
  type TensorType,
} from '@graft-ml/core/internal/base/tensor';
import type { TimedProgram } from '@graft-ml/core/internal/fit/profile/timed-program';
import type { TimedRun } from '@graft-ml/core/internal/runtime/backend';
import { explainMemory } from '@graft-ml/core/internal/runtime/out-of-memory';
import type { ParallelProgram } from '@graft-ml/core/internal/runtime/parallel';
import Tinypool from 'tinypool';
import { builtProgram } from '../files/own-process.ts';
import { bytesOf, type ProgramCall, type ProgramThreadData, type SharedTensor, sendable } from './thread-messages.ts';

export interface ProgramPoolOptions {
  /** The number of threads in all. */
  readonly threads: number;
  /**
   * The most tasks that come at once. Where they are fewer than the threads there are as many sessions as tasks, which
   * share the threads equally; else each session has one thread. Default: no fewer than the threads.
   */
  readonly atOnce?: number | undefined;
  /** The inputs that `runAll` shares. Every other one is fed with each task. */
  readonly shared: Iterable<string>;
  /** The program as a profiler knows it, whose kernels are timed. Default: none are. */
  readonly timed?: TimedProgram | undefined;
}

/**
 * A graph in several sessions side by side, each in a thread of its own. For many runs of a small graph that is faster
 * than one session with as many threads: nothing waits for anything. Wants a graph that was tuned for one thread.
 */
export async function openProgramPool(
  graph: EncodedGraph,
  { threads, atOnce = threads, shared: names, timed }: ProgramPoolOptions,
): Promise<ParallelProgram> {
  const sessions = Math.max(1, Math.min(threads, atOnce));
  const wanted = new Set(names);
  const plain = sendable(graph);
  const shared = Object.fromEntries(
    [...plain.inputs].flatMap(([name, type]) => (wanted.has(name) ? [[name, inSharedMemory(type)] as const] : [])),
  );
  const workerData: ProgramThreadData = {
    graph: plain,
    shared,
    threads: Math.floor(threads / sessions),
    timing: timed ? { sessions, ended: new Int32Array(new SharedArrayBuffer(4)) } : null,
  };
  const pool = new Tinypool({
    filename: builtProgram('runtime/program-worker.js'),
    minThreads: sessions,
    maxThreads: sessions,
    workerData,
  });
  let version = 0;
  let isReleased = false;
  const release = async () => {
    if (isReleased) return;
    isReleased = true;
    await pool.destroy();
  };
  try {
    await explainMemory(() =>
      Promise.all(Array.from({ length: sessions }, () => pool.run(undefined, { name: 'ready' }))),
    );
  } catch (error) {
    await release();
    throw error;
  }
  const runAll = async (values: Tensors, feeds: readonly Tensors[]): Promise<Record<string, Tensor>[]> => {
    version++;
    for (const [name, { bytes }] of Object.entries(shared)) bytes.set(bytesOf(values[name]!));
    const calls = feeds.map((own): ProgramCall => ({ version, feeds: own }));
    return explainMemory(() =>
      Promise.all(calls.map((call) => pool.run(call, { name: 'run' }) as Promise<Record<string, Tensor>>)),
    );
  };
  // Each thread keeps such a task until all have one, so that every thread gets one.
  const endTiming = (): Promise<(readonly TimedRun[])[]> =>
    Promise.all(Array.from({ length: sessions }, () => pool.run(undefined, { name: 'endTiming' })));
  timed?.timedBy(endTiming);
  return {
    async runAll(values, feeds) {
      if (isReleased) throw new Error('runAll: the program was released');
      return timed ? timed.called(() => runAll(values, feeds)) : runAll(values, feeds);
    },
    release,
    [Symbol.asyncDispose]: release,
  };
}

function inSharedMemory(type: TensorType): SharedTensor {
  return { type, bytes: new Uint8Array(new SharedArrayBuffer(sizeOf(type.shape) * bytesPerElement[type.dtype])) };
}
