import { describe, expect, test } from 'vitest';
import { numbers } from '../../../../test/run.ts';
import { f32, type Tensor } from '../base/tensor.ts';
import { noFeatures } from './cache.ts';
import { tensorDataset, transformed } from './examples.ts';
import { keptFeatures } from './kept-features.ts';
import { type Batch, type BatchRequest, inMemory, type Source } from './source.ts';

const rows = tensorDataset(f32([5, 2], [0, 1, 10, 11, 20, 21, 30, 31, 40, 41]), [0, 1, 2, 0, 1]);
const held = () => inMemory(rows, { dtype: 'f32', shape: [2] }, { batchSize: 2 });
const kept = () =>
  keptFeatures(rows, {
    ...{ many: rows, shape: [2], views: 1, key: String, labels: undefined, table: noFeatures, isInMemory: true },
    ...{ batchSize: 2, onProgress: () => {} },
  });

describe.each([
  ['in memory', held],
  ['of kept features', kept],
])('batches of a source %s', (_name, open) => {
  const request: BatchRequest = { batchSize: 2, order: [4, 0, 2, 1, 3], lastBatch: 'pad', epoch: 1 };
  const expected = [
    [40, 41, 0, 1],
    [20, 21, 10, 11],
    [30, 31, 30, 31],
  ];
  /** What each batch says when it comes, and the batches, to be looked at afterwards. */
  async function taken(source: Source, reusesInputs: boolean) {
    const [then, inputs]: [number[][], Tensor[]] = [[], []];
    for await (const batch of source.batches({ ...request, reusesInputs })) {
      then.push(numbers(batch.inputs));
      inputs.push(batch.inputs);
    }
    return { then, inputs };
  }

  test('are one after the other in the same memory for who is done with each', async () => {
    const { then, inputs } = await taken(await open(), true);
    expect(then).toEqual(expected);
    expect(new Set(inputs.map(({ data }) => data.buffer)).size).toBe(1);
  });

  test('otherwise stay as they are; so do those that a transform is given', async () => {
    const { then, inputs } = await taken(await open(), false);
    expect([then, inputs.map(numbers)]).toEqual([expected, expected]);
    const given: Tensor[] = [];
    const keep = (batch: Batch) => {
      given.push(batch.inputs);
      return batch;
    };
    await taken(transformed(await open(), keep, 0), true);
    expect(given.map(numbers)).toEqual(expected);
  });
});
