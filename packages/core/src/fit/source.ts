import type { Tensor, TensorOf, Tensors } from '../base/tensor.ts';
import { sizeOf, tensor, zeros } from '../base/tensor.ts';
import { type Program, scalar } from '../runtime/index.ts';
import { feedNames, type Network } from './step.ts';

/** What a step is fed: always a full batch. */
export interface LabelledBatch {
  /** (n, …) */
  readonly inputs: Tensor;
  /** (n) i64 */
  readonly labels: TensorOf<'i64'>;
  /** (n) f32: 1, or 0 where the batch was filled up. */
  readonly weights: TensorOf<'f32'>;
  /** Where images are mixed: the labels (n) of the others in them, and the share that is of `labels`. */
  readonly mix?: { readonly partners: TensorOf<'i64'>; readonly share: number };
}

/** A batch under the names that a training step knows it by. */
export function feedsOf({ inputs, labels, mix }: LabelledBatch): Tensors {
  return {
    [feedNames.input]: inputs,
    [feedNames.labels]: labels,
    ...(mix && { [feedNames.partners]: mix.partners, [feedNames.share]: scalar(mix.share) }),
  };
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

/** Labelled examples that come in batches: images from files, or features held in memory. */
export interface Source {
  readonly size: number;
  batches(request: BatchRequest): AsyncIterable<LabelledBatch>;
}

/** 0, 1, …, size-1. */
export function inOrder(size: number): number[] {
  return Array.from({ length: size }, (_, i) => i);
}

/**
 * What a frozen prefix makes of a source, computed anew whenever a batch is asked for. The prefix is compiled for
 * `batchSize` and runs at that size whatever the request's is, so that a row does not depend on who asks for it.
 */
export function throughPrefix(source: Source, prefix: Program, batchSize: number): Source {
  return {
    size: source.size,
    async *batches({ batchSize: wanted, order, lastBatch, epoch }) {
      const kept = lastBatch === 'drop' ? order.slice(0, order.length - (order.length % wanted)) : order;
      const rows: Row[] = [];
      let taken = 0;
      for await (const batch of source.batches({ batchSize, order: kept, lastBatch: 'pad', epoch })) {
        const { features } = await prefix.run({ [feedNames.input]: batch.inputs });
        const count = Math.min(batchSize, kept.length - taken);
        const type = { dtype: features!.dtype, shape: features!.shape.slice(1) };
        rows.push(...rowsOf(features!, batch.labels, count));
        taken += count;
        while (rows.length >= wanted) yield assembled(rows.splice(0, wanted), wanted, type);
        if (taken === kept.length && rows.length > 0) yield assembled(rows, wanted, type);
      }
    },
  };
}

/** One example of a batch. */
export interface Row {
  readonly elements: Elements;
  readonly label: bigint;
}

/** What inputs are made of: features, or the bytes of images. */
type Elements = Float32Array | Uint8Array;

function rowsOf({ data, shape }: Tensor, labels: TensorOf<'i64'>, count: number): Row[] {
  const width = sizeOf(shape.slice(1));
  return Array.from({ length: count }, (_, i) => ({
    elements: (data as Elements).subarray(i * width, (i + 1) * width),
    label: labels.data[i]!,
  }));
}

/** A batch of rows, filled up with the first of them at weight 0. */
export function assembled(rows: readonly Row[], batchSize: number, { dtype, shape }: Network['input']): LabelledBatch {
  const inputs = zeros(dtype, [batchSize, ...shape]);
  const labels = zeros('i64', [batchSize]);
  const weights = zeros('f32', [batchSize]);
  for (let i = 0; i < batchSize; i++) {
    const { elements, label } = rows[i] ?? rows[0]!;
    (inputs.data as Elements).set(elements, i * elements.length);
    labels.data[i] = label;
    weights.data[i] = i < rows.length ? 1 : 0;
  }
  return { inputs, labels, weights };
}

/**
 * The same source held in memory: it is gone through once, and then every epoch is a matter of copying rows.
 * Only for a source without augmentation, since every epoch will see the same.
 */
export async function held(
  source: Source,
  input: Network['input'],
  { batchSize, onProgress }: { batchSize: number; onProgress?: (done: number, total: number) => void },
): Promise<Source> {
  const width = sizeOf(input.shape);
  const table = zeros(input.dtype, [source.size, ...input.shape]);
  const labels = zeros('i64', [source.size]);
  let filled = 0;
  for await (const batch of source.batches({ batchSize, order: inOrder(source.size), lastBatch: 'pad', epoch: 0 })) {
    const count = Math.min(batchSize, source.size - filled);
    (table.data as Elements).set((batch.inputs.data as Elements).subarray(0, count * width), filled * width);
    labels.data.set(batch.labels.data.subarray(0, count), filled);
    filled += count;
    onProgress?.(filled, source.size);
  }
  const rows = rowsOf(table, labels, source.size);
  return {
    size: source.size,
    async *batches({ batchSize: wanted, order, lastBatch }) {
      const count = (lastBatch === 'drop' ? Math.floor : Math.ceil)(order.length / wanted);
      for (let b = 0; b < count; b++) {
        const chosen = order.slice(b * wanted, (b + 1) * wanted).map((index) => rows[index]!);
        yield assembled(chosen, wanted, input);
      }
    },
  };
}

/** A source that is made when it is first asked for batches. */
export function whenAsked(size: number, make: () => Promise<Source>): Source {
  let made: Promise<Source> | undefined;
  return {
    size,
    async *batches(request) {
      made ??= make();
      yield* (await made).batches(request);
    },
  };
}

/** Labels as the graph takes them. */
export function labelTensor(labels: ArrayLike<number>): TensorOf<'i64'> {
  return tensor(
    'i64',
    [labels.length],
    BigInt64Array.from({ length: labels.length }, (_, i) => BigInt(labels[i]!)),
  );
}
