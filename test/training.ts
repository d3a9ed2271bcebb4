import { randomStream } from '@graft-ml/core/internal/base/random';
import { f32, i64, type Tensor, type Tensors } from '@graft-ml/core/internal/base/tensor';
import type { CheckpointStore, Progress } from '@graft-ml/core/internal/fit/checkpoint';
import type { EvaluationEvent } from '@graft-ml/core/internal/fit/events';
import { inMemory, type Source } from '@graft-ml/core/internal/fit/source';
import { copy } from '@graft-ml/core/runtime';

/** Every event of a run. */
export async function collect<E>(events: AsyncIterable<E>): Promise<E[]> {
  const all: E[] = [];
  for await (const event of events) all.push(event);
  return all;
}

/** Points around one centre for each class, held in memory. */
export function clusters(size: number, classes: number, width: number, part: string): Promise<Source> {
  const point = (index: number) => {
    const centre = randomStream(0, 'centre', index % classes);
    const noise = randomStream(0, part, index);
    return Array.from({ length: width }, () => 1.5 * centre.normal() + noise.normal());
  };
  const source: Source = {
    size,
    async *batches({ batchSize, order }) {
      for (let start = 0; start < order.length; start += batchSize) {
        const chosen = Array.from({ length: batchSize }, (_, i) => order[start + i] ?? order[start]!);
        yield {
          inputs: f32([batchSize, width], chosen.flatMap(point)),
          targets: i64(
            [batchSize],
            chosen.map((index) => index % classes),
          ),
          weights: f32(
            [batchSize],
            chosen.map((_, i) => (start + i < order.length ? 1 : 0)),
          ),
        };
      }
    },
  };
  return inMemory(source, { dtype: 'f32', shape: [width] }, { batchSize: 8 });
}

export interface MemoryStore extends CheckpointStore {
  readonly log: EvaluationEvent[];
  last: { tensors: Tensors; phase: Progress } | null;
  best: { tensors: Tensors; epoch: number } | null;
}

/** Checkpoints in memory. */
export function memoryStore(): MemoryStore {
  const copied = (tensors: Tensors) =>
    Object.fromEntries(Object.entries(tensors).map(([name, value]) => [name, copy(value)]));
  const store: MemoryStore = {
    log: [],
    last: null,
    best: null,
    record: async (event) => {
      store.log.push(event);
    },
    saveLast: async (tensors, phase) => {
      store.last = { tensors: copied(tensors), phase };
    },
    saveBest: async (tensors, { epoch }) => {
      store.best = { tensors: copied(tensors), epoch };
    },
  };
  return store;
}

/** The names of the tensors whose bits differ, or which only one side has. */
export function differing(a: Tensors, b: Tensors): string[] {
  const bits = (value: Tensor | undefined) =>
    value && Buffer.from(value.data.buffer, value.data.byteOffset, value.data.byteLength);
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((name) => {
    const [left, right] = [bits(a[name]), bits(b[name])];
    return !left || !right || !left.equals(right);
  });
}
