import type { EncodedGraph } from '@graft-ml/core/graph';
import { type Tensors, zeros } from '@graft-ml/core/internal/base/tensor';
import { type GatheringThread, sumsOf } from '@graft-ml/core/internal/runtime/gathering';
import { explainMemory } from '@graft-ml/core/internal/runtime/out-of-memory';
import { outputPrefix } from '@graft-ml/core/internal/runtime/program';
import { copy } from '@graft-ml/core/internal/runtime/state';
import Tinypool from 'tinypool';
import { builtProgram } from '../files/own-process.ts';
import {
  buffersOf,
  bytesOf,
  type GatheringCall,
  type GatheringResult,
  type GatheringThreadData,
  type MovedTensors,
  sendable,
} from './thread-messages.ts';

/** Opens a session in a thread of its own, for a graph that adds up. */
export async function openGatheringThread(
  graph: EncodedGraph,
  further: Omit<GatheringThreadData, 'graph'>,
): Promise<GatheringThread> {
  const plain = sendable(graph);
  const workerData: GatheringThreadData = { ...further, graph: plain };
  const filename = builtProgram('runtime/gathering-worker.js');
  const pool = new Tinypool({ filename, minThreads: 1, maxThreads: 1, workerData });
  try {
    await explainMemory(() => pool.run(undefined, { name: 'ready' }));
  } catch (error) {
    await pool.destroy();
    throw error;
  }
  const outputs = new Map([...plain.outputs].map(([name, type]) => [name.slice(outputPrefix.length), type]));
  const room = (feeds: readonly Tensors[]): MovedTensors => {
    const sums = sumsOf(outputs, further.sums);
    const others = [...plain.inputs].filter(([name]) => !(name in sums) && !(name in feeds[0]!));
    return { sums, values: Object.fromEntries(others.map(([name, { dtype, shape }]) => [name, zeros(dtype, shape)])) };
  };
  /** Null while the thread has it, and when a call has failed. */
  let own: MovedTensors | null = null;
  let isReleased = false;
  return {
    async gather(values, feeds) {
      if (isReleased) throw new Error('gather: the program was released');
      const moved = own ?? room(feeds);
      own = null;
      for (const [name, value] of Object.entries(moved.values)) bytesOf(value).set(bytesOf(values[name]!));
      // A row is a view of its batch, all of which would be sent with it.
      const rows = feeds.map((all) =>
        Object.fromEntries(Object.entries(all).map(([name, part]) => [name, copy(part)])),
      );
      const call: GatheringCall = { ...moved, feeds: rows };
      const transferList = buffersOf(moved.values, moved.sums, ...rows);
      const { results, ...back }: GatheringResult = await explainMemory(() =>
        pool.run(call, { name: 'gather', transferList }),
      );
      own = back;
      return { sums: back.sums, results };
    },
    endTiming: async () => (isReleased ? [] : pool.run(undefined, { name: 'endTiming' })),
    async release() {
      if (isReleased) return;
      isReleased = true;
      own = null;
      try {
        await pool.run(undefined, { name: 'close' });
      } finally {
        await pool.destroy();
      }
    },
  };
}
