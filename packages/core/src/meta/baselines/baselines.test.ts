import { describe, expect, test } from 'vitest';
import { golden, relativeError, tolerance } from '../../../../../test/golden.ts';
import { f32, type TensorOf } from '../../base/tensor.ts';
import { dot, type LinearHead, predict, rowOf, unitRows } from './linear-head.ts';
import { linearProbe } from './linear-probe.ts';
import { nearestCentroid } from './nearest-centroid.ts';

const reference = golden('baselines');
const tensorNamed = (name: string) => reference.tensors[name] as TensorOf<'f32'>;
const queries = tensorNamed('queries');
const support = {
  features: tensorNamed('features'),
  labels: Array.from(reference.tensors.labels!.data as BigInt64Array, Number),
};

/** W·x + b of every query. */
function logitsOf({ weight, bias }: LinearHead): TensorOf<'f32'> {
  const way = bias.data.length;
  const logits = Array.from({ length: queries.shape[0]! * way }, (_, i) => {
    const row = Math.floor(i / way);
    const label = i % way;
    return dot(rowOf(weight, label), rowOf(queries, row)) + bias.data[label]!;
  });
  return f32([queries.shape[0]!, way], logits);
}

const lengthsOfQueries = Array.from({ length: queries.shape[0]! }, (_, i) =>
  Math.sqrt(dot(rowOf(queries, i), rowOf(queries, i))),
);
const perQuery = (values: TensorOf<'f32'>, change: (value: number, query: number) => number) =>
  f32(
    values.shape,
    values.data.map((value, i) => change(value, Math.floor(i / values.shape[1]!))),
  );

describe('nearest centroid beside PyTorch', () => {
  test('cosine: the logits are the similarities, times the length of the query', () => {
    const logits = logitsOf(nearestCentroid(support, 'cosine'));
    const similarities = perQuery(logits, (logit, query) => logit / lengthsOfQueries[query]!);
    expect(relativeError(similarities, tensorNamed('cosine'))).toBeLessThan(tolerance.value);
  });

  test('euclidean: the logits are minus the squared distance, less what all classes share', () => {
    const logits = logitsOf(nearestCentroid(support, 'euclidean'));
    const distances = perQuery(logits, (logit, query) => logit - lengthsOfQueries[query]! ** 2);
    expect(relativeError(distances, tensorNamed('euclidean'))).toBeLessThan(tolerance.value);
  });
});

describe('linear probe', () => {
  const units = unitRows(support.features);
  const meanLength = support.labels.reduce((sum, _, i) => {
    const row = rowOf(support.features, i);
    return sum + Math.sqrt(dot(row, row)) / support.labels.length;
  }, 0);

  test.each(JSON.parse(reference.metadata.strengths!) as number[])("is Newton's optimum for C = %s", (strength) => {
    const { weight } = linearProbe(support, strength);
    const ofUnits = f32(
      weight.shape,
      weight.data.map((value) => value * meanLength),
    );
    expect(relativeError(ofUnits, tensorNamed(`probe/${strength}`))).toBeLessThan(tolerance.value);
  });

  test('repeats itself to the last bit, and does not look at the length of an example', () => {
    const again = linearProbe(support);
    expect(linearProbe(support)).toEqual(again);
    const longer = {
      ...support,
      features: f32(
        units.shape,
        units.data.map((value) => 8 * value),
      ),
    };
    const scaled = (head: LinearHead, by: number) =>
      f32(
        head.weight.shape,
        head.weight.data.map((w) => w * by),
      );
    expect(relativeError(scaled(linearProbe(longer), 8), scaled(again, meanLength))).toBeLessThan(tolerance.value);
    expect(predict(linearProbe(longer), queries)).toEqual(predict(again, queries));
  });
});

test('the classes of hand-made features', () => {
  // Class 0 points to the right and is long, class 1 up and short.
  const corner = { features: f32([4, 2], [4, 0, 6, 0, 0, 1, 0, 1]), labels: [0, 0, 1, 1] };
  const points = f32([3, 2], [1, 0.5, 0.5, 1, 4, 1]);
  expect(nearestCentroid(corner, 'euclidean')).toEqual({
    weight: f32([2, 2], [10, 0, 0, 2]),
    bias: f32([2], [-25, -1]),
  });
  expect(nearestCentroid(corner, 'cosine')).toEqual({ weight: f32([2, 2], [1, 0, 0, 1]), bias: f32([2], [0, 0]) });
  // (1, 0.5) is nearer to (0, 1) than to (5, 0), but points more to the right.
  expect(predict(nearestCentroid(corner, 'euclidean'), points)).toEqual([1, 1, 0]);
  expect(predict(nearestCentroid(corner, 'cosine'), points)).toEqual([0, 1, 0]);
  expect(predict(linearProbe(corner), points)).toEqual([0, 1, 0]);
});

test('two examples, one of each class: the probe has a solution on paper', () => {
  // By symmetry W = ±(a, -a) with a = C·(1 - p), p = 1 / (1 + e^(-2a)) and C = 1.
  const { weight } = linearProbe({ features: f32([2, 2], [1, 0, 0, 1]), labels: [0, 1] });
  const [a, b, c, d] = weight.data as unknown as [number, number, number, number];
  expect([b, c, d]).toEqual([-a, -a, a]);
  expect(a).toBeCloseTo(1 / (1 + Math.exp(2 * a)), 7);
});
