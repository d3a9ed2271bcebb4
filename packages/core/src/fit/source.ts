import type { Tensor, TensorOf, Tensors, TensorType } from '../base/tensor.ts';
import { bytesPerElement, sizeOf, tensor, zeros } from '../base/tensor.ts';
import { type Program, scalar } from '../runtime/index.ts';
import { feedNames, label } from './step.ts';

/** Examples that go through a step together. */
export interface Batch {
  /** (n, …) */
  readonly inputs: Tensor;
  /** (n, …): labels are i64 (n), numbers to be predicted f32. */
  readonly targets: Tensor;
  /** (n) f32: 1, or 0 where the batch was filled up. Default: as many examples count as the source has left. */
  readonly weights?: TensorOf<'f32'>;
  /** The mixing of the batch, if any: the targets (n, …) of the images mixed in, and the share that is of `targets`. */
  readonly mix?: { readonly partners: Tensor; readonly share: number };
}

/** A batch under the names that a training step knows it by. */
export function feedsOf({ inputs, targets, mix }: Batch): Tensors {
  return {
    [feedNames.input]: inputs,
    [feedNames.targets]: targets,
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
  /**
   * Whether whoever asks for the next batch is done with the inputs of the one before, so that they may be written over.
   * Default false.
   */
  readonly reusesInputs?: boolean;
}

/**
 * Examples that come in batches, each of them full: images from files, features held in memory, whatever a network
 * takes. A source of one's own is an object of this form.
 */
export interface Source {
  readonly size: number;
  /** The type of one target, without the batch axis. Default: a label, i64 (). */
  readonly target?: TensorType | undefined;
  /** The label of each example, where it has one and that is known: what balanced sampling goes by. */
  readonly labels?: readonly number[] | undefined;
  /** Gives its examples in its own order only. Default false. */
  readonly isSequential?: boolean | undefined;
  batches(request: BatchRequest): AsyncIterable<Batch>;
}

/** 0, 1, …, size-1. */
export function inOrder(size: number): number[] {
  return Array.from({ length: size }, (_, i) => i);
}

/** The features of the first rows of `inputs`, in batches of any sizes; the last may be longer than the rows. */
export type ComputeFeatures = (inputs: Tensor, rows: number) => Promise<readonly Tensor[]>;

/**
 * Features by the program of a frozen prefix, which is compiled for so many rows and runs at that size whoever asks, so
 * that a row does not depend on it.
 */
export function byProgram(prefix: Program, size: number): ComputeFeatures {
  return async (inputs, rows) => {
    const made: Tensor[] = [];
    for (let first = 0; first < rows; first += size) {
      const { features } = await prefix.run({ [feedNames.input]: rowsFrom(inputs, first, size) });
      made.push(features!);
    }
    return made;
  };
}

/**
 * A source of a frozen prefix's outputs, computed anew whenever a batch is asked for.
 *
 * @param atOnce examples that are read at once, whatever the request's size is: a multiple of those that are computed
 */
export function throughPrefix(source: Source, compute: ComputeFeatures, atOnce: number): Source {
  return {
    size: source.size,
    target: source.target,
    async *batches({ batchSize, order, lastBatch, epoch }) {
      const kept = lastBatch === 'drop' ? order.slice(0, order.length - (order.length % batchSize)) : order;
      const rows: Row[] = [];
      let read = 0;
      for await (const { inputs, targets } of source.batches({
        batchSize: atOnce,
        order: kept,
        lastBatch: 'pad',
        epoch,
      })) {
        const count = Math.min(atOnce, kept.length - read);
        const made = await compute(inputs, count);
        const types = { input: typeOfRow(made[0]!), target: typeOfRow(targets) };
        let first = 0;
        for (const features of made) {
          const own = Math.min(features.shape[0]!, count - first);
          rows.push(...rowsOf(features, rowsFrom(targets, first, own), own));
          first += own;
        }
        read += count;
        while (rows.length >= batchSize) yield assembled(rows.splice(0, batchSize), batchSize, types);
        if (read === kept.length && rows.length > 0) yield assembled(rows, batchSize, types);
      }
    },
  };
}

/** One example of a batch. */
export interface Row {
  readonly input: Elements;
  readonly target: Elements;
}

/** The typed array of a tensor. */
type Elements = Tensor['data'];

function rowsOf(inputs: Tensor, targets: Tensor, count: number): Row[] {
  return Array.from({ length: count }, (_, i) => ({ input: rowAt(inputs, i), target: rowAt(targets, i) }));
}

/** The elements of one row of (n, …), in the same memory. */
function rowAt({ data, shape }: Tensor, index: number): Elements {
  const width = sizeOf(shape.slice(1));
  return data.subarray(index * width, (index + 1) * width);
}

/** The type of one row of (n, …). */
export function typeOfRow({ dtype, shape }: TensorType): TensorType {
  return { dtype, shape: shape.slice(1) };
}

/** The first rows of (n, …), in the same memory. */
export function firstRows(value: Tensor, count: number): Tensor {
  return rowsFrom(value, 0, count);
}

/** Some rows of (n, …), in the same memory. */
export function rowsFrom({ dtype, shape, data }: Tensor, first: number, count: number): Tensor {
  const rows = shape.slice(1);
  const width = sizeOf(rows);
  return { dtype, shape: [count, ...rows], data: data.subarray(first * width, (first + count) * width) } as Tensor;
}

/** Writes elements of the tensor's own type from a row on. */
export function setRow({ data, shape }: Tensor, index: number, elements: Elements): void {
  const at = index * sizeOf(shape.slice(1));
  if (data instanceof BigInt64Array) data.set(elements as BigInt64Array, at);
  else data.set(elements as Exclude<Elements, BigInt64Array>, at);
}

/** The types of one example. */
export interface ExampleTypes {
  readonly input: TensorType;
  readonly target?: TensorType | undefined;
}

/** A batch of rows, filled up with the first of them at weight 0. Its inputs may be written over those of another. */
export function assembled(
  rows: readonly Row[],
  batchSize: number,
  { input, target: { dtype, shape } = label }: ExampleTypes,
  inputs = zeros(input.dtype, [batchSize, ...input.shape]),
): Batch {
  const targets = zeros(dtype, [batchSize, ...shape]);
  const weights = zeros('f32', [batchSize]);
  for (let i = 0; i < batchSize; i++) {
    const row = rows[i] ?? rows[0]!;
    setRow(inputs, i, row.input);
    setRow(targets, i, row.target);
    weights.data[i] = i < rows.length ? 1 : 0;
  }
  return { inputs, targets, weights };
}

/**
 * The same source held in memory: it is gone through once, and then every epoch is a matter of copying rows.
 * Only for a source without augmentation, since every epoch will see the same.
 */
export async function inMemory(
  source: Source,
  input: TensorType,
  { batchSize, onProgress }: { batchSize: number; onProgress?: (done: number, total: number) => void },
): Promise<Source> {
  const { size, target = label } = source;
  const table = zeros(input.dtype, [size, ...input.shape]);
  const targets = zeros(target.dtype, [size, ...target.shape]);
  let filled = 0;
  for await (const batch of source.batches({ batchSize, order: inOrder(size), lastBatch: 'pad', epoch: 0 })) {
    const count = Math.min(batchSize, size - filled);
    setRow(table, filled, firstRows(batch.inputs, count).data);
    setRow(targets, filled, firstRows(batch.targets, count).data);
    filled += count;
    onProgress?.(filled, size);
  }
  return ofRows(rowsOf(table, targets, size), { input, target });
}

/** A source of rows in memory. */
function ofRows(rows: readonly Row[], types: ExampleTypes): Source {
  return {
    size: rows.length,
    target: types.target,
    batches: (request) => batchesOf(request, types, (index) => rows[index]!),
  };
}

/** The batches that are asked for, of rows that are there or can be had one by one. */
export async function* batchesOf(
  { batchSize, order, lastBatch, reusesInputs }: BatchRequest,
  types: ExampleTypes,
  rowAt: (index: number) => Row | Promise<Row>,
): AsyncGenerator<Batch, void, undefined> {
  const count = (lastBatch === 'drop' ? Math.floor : Math.ceil)(order.length / batchSize);
  let inputs: Tensor | undefined;
  for (let b = 0; b < count; b++) {
    const chosen: Row[] = [];
    for (const index of order.slice(b * batchSize, (b + 1) * batchSize)) chosen.push(await rowAt(index));
    const batch = assembled(chosen, batchSize, types, inputs);
    if (reusesInputs) inputs = batch.inputs;
    yield batch;
  }
}

/** Whether so many inputs fit into `mebibytes`. */
export function fits(mebibytes: number, count: number, { dtype, shape }: TensorType): boolean {
  return count * sizeOf(shape) * bytesPerElement[dtype] <= mebibytes * 2 ** 20;
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
