import { type Shape, sizeOf, type TensorType } from '../base/tensor.ts';
import type { FeatureTable } from './cache.ts';
import { batchesOf, inOrder, labelTensor, type Row, rowsFrom, type Source } from './source.ts';

export interface KeptFeaturesOptions {
  /** The source of the rows that are missing at the start; of one that is gone later, `computed`. */
  readonly many: Source;
  /** The shape of one row. */
  readonly shape: Shape;
  /** Views of each example; epochs take them in turn. */
  readonly views: number;
  /** The row's key in the table. */
  key(example: number, view: number): string;
  /** The labels, where they are known beforehand: needed of rows that come from a table. */
  readonly labels: readonly number[] | undefined;
  readonly table: FeatureTable;
  /** Whether all rows are held in memory; else they are read from the table whenever they are asked for. */
  readonly isInMemory: boolean;
  readonly batchSize: number;
  readonly onProgress: (done: number, total: number) => void;
}

/**
 * A source of features that are computed once: what the table has is taken from there, the rest from `many`, whose epoch
 * `v + 1` is view v, and kept in the table.
 */
export async function keptFeatures(computed: Source, options: KeptFeaturesOptions): Promise<Source> {
  const { many, shape, views, key, labels, table, isInMemory, batchSize, onProgress } = options;
  const { size, target } = computed;
  const width = sizeOf(shape);
  const total = views * size;
  const input: TensorType = { dtype: 'f32', shape };
  const held = isInMemory ? new Float32Array(total * width) : null;
  const rowAt = (row: number) => held!.subarray(row * width, (row + 1) * width);
  const targets: Row['target'][] = labels?.map((label) => labelTensor([label]).data) ?? [];
  const scratch = new Float32Array(held ? 0 : width);
  const compute = async (): Promise<void> => {
    let done = 0;
    for (let view = 0; view < views; view++) {
      // All are read, also where they are not held: what is damaged is better computed now than one by one.
      const unread: number[] = [];
      for (const example of inOrder(size)) {
        const row = held ? rowAt(view * size + example) : scratch;
        if (!(await table.read(key(example, view), row))) unread.push(example);
      }
      // A file with a damaged row is removed with those that were read before.
      const missing = held ? unread : inOrder(size).filter((example) => !table.has(key(example, view)));
      done += size - missing.length;
      if (done > 0) onProgress(done, total);
      let taken = 0;
      const request = { batchSize, order: missing, lastBatch: 'pad', epoch: view + 1 } as const;
      for await (const batch of many.batches(request)) {
        const features = elementsOf(batch.inputs.data);
        for (let i = 0; i < batchSize && taken < missing.length; i++, taken++) {
          const row = features.subarray(i * width, (i + 1) * width);
          const example = missing[taken]!;
          held?.set(row, (view * size + example) * width);
          if (!labels && view === 0) targets[example] = rowsFrom(batch.targets, i, 1).data;
          await table.add(key(example, view), row);
        }
        onProgress(done + taken, total);
      }
      done += missing.length;
    }
    await table.flush();
  };
  const absent = inOrder(views).flatMap((view) => inOrder(size).filter((example) => !table.has(key(example, view))));
  // Of several processes that want the same features at once, one computes them.
  if (table.alone && absent.length > 0) await table.alone(absent.length, compute);
  else await compute();

  /** One row, from wherever it is. */
  async function row(example: number, view: number): Promise<Row> {
    const own = targets[example]!;
    if (held) return { input: rowAt(view * size + example), target: own };
    const elements = new Float32Array(width);
    if (await table.read(key(example, view), elements)) return { input: elements, target: own };
    // Not kept, or gone since: computed anew.
    const request = { batchSize, order: [example], lastBatch: 'pad', epoch: view + 1 } as const;
    for await (const { inputs } of computed.batches(request)) elements.set(elementsOf(inputs.data).subarray(0, width));
    return { input: elements, target: own };
  }

  return {
    size,
    target,
    batches(request) {
      const view = views === 1 ? 0 : Math.max(0, request.epoch - 1) % views;
      return batchesOf(request, { input, target }, (example) => row(example, view));
    },
  };
}

function elementsOf(data: Row['input']): Float32Array {
  if (data instanceof Float32Array) return data;
  throw new Error('keptFeatures: features are f32');
}
