import type { Shape, Tensor, TensorOf } from '../base/tensor.ts';
import { f32, sizeOf, tensor, zeros } from '../base/tensor.ts';
import type { Program } from '../runtime/index.ts';
import { feedNames } from './step.ts';

/** What a step is fed: always a full batch. */
export interface LabelledBatch {
  /** (n, …) */
  readonly inputs: Tensor;
  /** (n) i64 */
  readonly labels: TensorOf<'i64'>;
  /** (n) f32: 1, or 0 where the batch was filled up. */
  readonly weights: TensorOf<'f32'>;
}

export interface BatchRequest {
  readonly batchSize: number;
  /** Positions in the source, in the order in which they are wanted. */
  readonly order: readonly number[];
  /** A last batch that is not full: left out, or filled up at weight 0. */
  readonly lastBatch: 'drop' | 'pad';
  /** Decides the augmentation, where there is any. */
  readonly epoch: number;
}

/** Labelled examples that come in batches: pictures from files, or features held in memory. */
export interface Source {
  readonly size: number;
  batches(request: BatchRequest): AsyncIterable<LabelledBatch>;
}

/** 0, 1, …, size-1. */
export function inOrder(size: number): number[] {
  return Array.from({ length: size }, (_, i) => i);
}

/** What a frozen trunk makes of a source, computed anew whenever a batch is asked for. */
export function throughTrunk(source: Source, trunk: Program): Source {
  return {
    size: source.size,
    async *batches(request) {
      for await (const { inputs, labels, weights } of source.batches(request)) {
        const { features } = await trunk.run({ [feedNames.input]: inputs });
        yield { inputs: features!, labels, weights };
      }
    },
  };
}

/**
 * The same source held in memory: it is gone through once, and then every epoch is a matter of copying rows.
 * Only for a source without augmentation, since every epoch will see the same.
 */
export async function held(
  source: Source,
  shape: Shape,
  { batchSize, onProgress }: { batchSize: number; onProgress?: (done: number, total: number) => void },
): Promise<Source> {
  const width = sizeOf(shape);
  const rows = new Float32Array(source.size * width);
  const labels = new BigInt64Array(source.size);
  let filled = 0;
  for await (const batch of source.batches({ batchSize, order: inOrder(source.size), lastBatch: 'pad', epoch: 0 })) {
    const count = Math.min(batchSize, source.size - filled);
    rows.set((batch.inputs.data as Float32Array).subarray(0, count * width), filled * width);
    labels.set(batch.labels.data.subarray(0, count), filled);
    filled += count;
    onProgress?.(filled, source.size);
  }
  return { size: source.size, batches: (request) => rowsInBatches(rows, labels, shape, request) };
}

async function* rowsInBatches(
  rows: Float32Array,
  allLabels: BigInt64Array,
  shape: Shape,
  { batchSize, order, lastBatch }: BatchRequest,
): AsyncGenerator<LabelledBatch> {
  const width = sizeOf(shape);
  const count = (lastBatch === 'drop' ? Math.floor : Math.ceil)(order.length / batchSize);
  for (let b = 0; b < count; b++) {
    const inputs = zeros('f32', [batchSize, ...shape]);
    const labels = zeros('i64', [batchSize]);
    const weights = new Array<number>(batchSize).fill(0);
    for (let i = 0; i < batchSize; i++) {
      const index = order[b * batchSize + i];
      const row = index ?? order[b * batchSize]!;
      inputs.data.set(rows.subarray(row * width, (row + 1) * width), i * width);
      labels.data[i] = allLabels[row]!;
      weights[i] = index === undefined ? 0 : 1;
    }
    yield { inputs, labels, weights: f32([batchSize], weights) };
  }
}

/** Labels as the graph takes them. */
export function labelTensor(labels: ArrayLike<number>): TensorOf<'i64'> {
  return tensor(
    'i64',
    [labels.length],
    BigInt64Array.from({ length: labels.length }, (_, i) => BigInt(labels[i]!)),
  );
}
