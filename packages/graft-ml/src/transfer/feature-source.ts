import { type Shape, sizeOf } from '@graft-ml/core/internal/base/tensor';
import type { FeatureTable } from '@graft-ml/core/internal/fit/cache';
import { assembled, inOrder, type Row, type Source } from '@graft-ml/core/internal/fit/source';

export interface FeatureSourceOptions {
  /** The shape of one row. */
  readonly shape: Shape;
  /** Views of each image; epochs take them in turn. */
  readonly views: number;
  /** The row's key in the table. */
  key(image: number, view: number): string;
  readonly labels: readonly number[];
  readonly table: FeatureTable;
  /** Whether all rows are held in memory; else they are read from the table whenever they are asked for. */
  readonly inMemory: boolean;
  readonly batchSize: number;
  readonly onProgress: (done: number, total: number) => void;
}

/**
 * A source of features that are computed once: what the table has is taken from there, the rest from `computed`, whose
 * epoch `v + 1` is view v, and kept in the table.
 */
export async function featureSource(computed: Source, options: FeatureSourceOptions): Promise<Source> {
  const { shape, views, key, labels, table, inMemory, batchSize, onProgress } = options;
  const width = sizeOf(shape);
  const total = views * computed.size;
  const held = inMemory ? new Float32Array(total * width) : null;
  const rowAt = (row: number) => held!.subarray(row * width, (row + 1) * width);
  const scratch = new Float32Array(held ? 0 : width);
  let done = 0;
  for (let view = 0; view < views; view++) {
    // All are read, also where they are not held: what is damaged is better computed now than one by one.
    const unread: number[] = [];
    for (const image of inOrder(computed.size)) {
      const target = held ? rowAt(view * computed.size + image) : scratch;
      if (!(await table.read(key(image, view), target))) unread.push(image);
    }
    // A file with a damaged row is removed with those that were read before.
    const missing = held ? unread : inOrder(computed.size).filter((image) => !table.has(key(image, view)));
    done += computed.size - missing.length;
    if (done > 0) onProgress(done, total);
    let taken = 0;
    const request = { batchSize, order: missing, lastBatch: 'pad', epoch: view + 1 } as const;
    for await (const { inputs } of computed.batches(request)) {
      for (let i = 0; i < batchSize && taken < missing.length; i++, taken++) {
        const row = (inputs.data as Float32Array).subarray(i * width, (i + 1) * width);
        const image = missing[taken]!;
        held?.set(row, (view * computed.size + image) * width);
        await table.add(key(image, view), row);
      }
      onProgress(done + taken, total);
    }
    done += missing.length;
  }
  await table.flush();

  /** One row, from wherever it is. */
  async function row(image: number, view: number): Promise<Row> {
    const target = BigInt64Array.of(BigInt(labels[image]!));
    if (held) return { input: rowAt(view * computed.size + image), target };
    const elements = new Float32Array(width);
    if (await table.read(key(image, view), elements)) return { input: elements, target };
    // Not kept, or gone since: computed anew.
    const request = { batchSize, order: [image], lastBatch: 'pad', epoch: view + 1 } as const;
    for await (const { inputs } of computed.batches(request))
      elements.set((inputs.data as Float32Array).subarray(0, width));
    return { input: elements, target };
  }

  return {
    size: computed.size,
    async *batches({ batchSize: wanted, order, lastBatch, epoch }) {
      const view = views === 1 ? 0 : Math.max(0, epoch - 1) % views;
      const count = (lastBatch === 'drop' ? Math.floor : Math.ceil)(order.length / wanted);
      for (let b = 0; b < count; b++) {
        const chosen: Row[] = [];
        for (const image of order.slice(b * wanted, (b + 1) * wanted)) chosen.push(await row(image, view));
        yield assembled(chosen, wanted, { input: { dtype: 'f32', shape } });
      }
    },
  };
}
