import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { OptionError } from '../base/errors.ts';
import { argmax } from '../base/largest.ts';
import { randomStream } from '../base/random.ts';
import { crossValidatedProbe } from './cross-validated-probe.ts';
import { logisticRegression, logitsOf } from './logistic-regression.ts';
import { logme } from './logme.ts';
import { nearestNeighbours } from './nearest-neighbours.ts';
import type { LabelledFeatures } from './out-of-sample.ts';
import { spectrum } from './spectrum.ts';

interface Golden {
  readonly rows: readonly (readonly number[])[];
  readonly labels: readonly number[];
  readonly test: { readonly rows: readonly (readonly number[])[]; readonly labels: readonly number[] };
  readonly regressions: readonly {
    readonly C: number;
    readonly weight: readonly (readonly number[])[];
    readonly bias: readonly number[];
    readonly accuracy: number;
  }[];
  readonly neighbours: Readonly<Record<'cosine' | 'euclidean', readonly (readonly number[])[]>>;
  readonly logme: { readonly authors: number | null; readonly exact: number };
}

// golden/rank.py
const goldens = Object.entries(
  JSON.parse(readFileSync('golden/rank.json', 'utf8')) as Readonly<Record<string, Golden>>,
);

function labelled(rows: readonly (readonly number[])[], labels: readonly number[]): LabelledFeatures {
  const contents = rows.map((_, i) => String(i));
  return { rows: rows.map((row) => Float32Array.from(row)), labels, contents, classes: Math.max(...labels) + 1 };
}

/** The label that most have; null where several do. */
function majority(labels: readonly number[]): number | null {
  const counts = [...new Set(labels)].map((label) => ({
    label,
    votes: labels.filter((each) => each === label).length,
  }));
  const most = Math.max(...counts.map(({ votes }) => votes));
  const leaders = counts.filter(({ votes }) => votes === most);
  return leaders.length === 1 ? leaders[0]!.label : null;
}

describe.each(goldens)('%s', (_, golden) => {
  const { rows, labels } = golden;
  const classes = Math.max(...labels) + 1;

  test.each(golden.regressions)('logistic regression is scikit-learn’s: C = $C', ({ C, weight, bias, accuracy }) => {
    const found = logisticRegression(rows, labels, classes, { inverseStrength: C, tolerance: 1e-8 });
    expect(found.converged).toBe(true);
    for (const [c, row] of weight.entries()) {
      expect(found.bias[c]).toBeCloseTo(bias[c]!, 4);
      for (const [k, value] of row.entries()) expect(found.weight[c]![k]).toBeCloseTo(value, 4);
    }
    const right = golden.test.rows.filter((row, i) => argmax(logitsOf(found, row)) === golden.test.labels[i]);
    expect(right.length / golden.test.rows.length).toBe(accuracy);
  });

  test.each(['cosine', 'euclidean'] as const)('neighbours are scikit-learn’s: %s', (metric) => {
    const found = nearestNeighbours(labelled(rows, labels), { neighbours: 5, metric, temperature: null });
    let compared = 0;
    for (const [i, nearest] of golden.neighbours[metric].entries()) {
      const expected = majority(nearest.map((j) => labels[j]!));
      if (expected === null) continue;
      expect(found.predictions[i]).toBe(expected);
      compared++;
    }
    expect(compared).toBeGreaterThan(rows.length / 2);
    expect(found.accuracy).toBe(found.predictions.filter((label, i) => label === labels[i]).length / rows.length);
  });

  test('LogME is the largest marginal likelihood, and the authors’ own', () => {
    const found = logme(rows, labels, classes);
    expect(found).toBeCloseTo(golden.logme.exact, 3);
    if (golden.logme.authors !== null) expect(found).toBeCloseTo(golden.logme.authors, 3);
  });
});

test('the spectrum of a matrix, and vectors in its basis', () => {
  // Q · diag(values) · Qᵀ, Q a product of reflections; one value comes twice, and one is 0.
  const values = [5, 3, 3, 1, 0, -2];
  const stream = randomStream(1, 'spectrum');
  const normals = [0, 1, 2].map(() => values.map(() => stream.normal()));
  const turn = (vector: readonly number[]) =>
    normals.reduce<readonly number[]>((x, v) => {
      const share =
        (2 * v.reduce((sum, each, i) => sum + each * x[i]!, 0)) / v.reduce((sum, each) => sum + each ** 2, 0);
      return x.map((each, i) => each - share * v[i]!);
    }, vector);
  const q = values.map((_, i) => turn(values.map((_, j) => Number(i === j))));
  const matrix = values.map((_, i) =>
    Float64Array.from(values, (_, j) => values.reduce((sum, value, k) => sum + q[k]![i]! * value * q[k]![j]!, 0)),
  );
  const vector = values.map((_, k) => 2 * q[0]![k]! - q[3]![k]!);
  const found = spectrum(matrix, [vector]);
  const order = [...found.values.keys()].sort((a, b) => found.values[b]! - found.values[a]!);
  for (const [place, k] of order.entries()) expect(found.values[k]).toBeCloseTo(values[place]!, 10);
  const lengths = order.map((k) => Math.abs(found.projections[0]![k]!));
  for (const [place, length] of [2, 0, 0, 1, 0, 0].entries()) expect(lengths[place]).toBeCloseTo(length, 10);
});

/** Features of classes around random centres. */
function clusters({ images, features, classes, spread }: Readonly<Record<string, number>>, seed = 0): LabelledFeatures {
  const stream = randomStream(seed, 'clusters');
  const normals = (scale: number) => Float32Array.from({ length: features! }, () => scale * stream.normal());
  const centres = Array.from({ length: classes! }, () => normals(spread!));
  const labels = Array.from({ length: images! }, (_, i) => i % classes!);
  const rows = labels.map((label) => normals(1).map((noise, k) => noise + centres[label]![k]!));
  return { rows, labels, contents: labels.map((_, i) => String(i)), classes: classes! };
}

test('the linear probe tells classes apart that are apart, and labels at random at the rate of chance', async () => {
  const apart = clusters({ images: 60, features: 80, classes: 3, spread: 2 });
  const good = await crossValidatedProbe(apart);
  expect(good.accuracy).toBe(1);
  expect(good.interval[0]).toBeGreaterThan(0.9);
  expect(good.inverseStrengths).toHaveLength(5);

  const stream = randomStream(3, 'labels');
  const chance = await crossValidatedProbe({ ...apart, labels: stream.shuffle(apart.labels) });
  expect(chance.accuracy).toBeLessThan(0.6);
  expect(chance.interval[0]).toBeLessThan(1 / 3);
  expect(chance.loss).toBeGreaterThan(Math.log(3) - 0.1);
  expect(await crossValidatedProbe(apart)).toEqual(good);
});

test('the probe is the same in coordinates of the span: features that repeat change no answer', async () => {
  const narrow = clusters({ images: 40, features: 30, classes: 2, spread: 0.3 });
  const wide = { ...narrow, rows: narrow.rows.map((row) => Float32Array.from([...row, ...row])) };
  const [a, b] = [await crossValidatedProbe(narrow), await crossValidatedProbe(wide)];
  expect(Math.abs(b.accuracy - a.accuracy)).toBeLessThanOrEqual(0.1);
  // The same functions at half the C; the search moves in quarters of a decade.
  expect(Math.abs(Math.log10(a.inverseStrengths[0]! / b.inverseStrengths[0]! / 2))).toBeLessThanOrEqual(0.3);
});

test('a copy of an image is not its neighbour, and an empty fold or a wrong option is an error', async () => {
  // biome-ignore format: rows
  const rows = [[1, 0], [1, 0], [0, 1], [0, 1]].map((row) => Float32Array.from(row));
  const features = { rows, labels: [0, 1, 0, 1], contents: ['a', 'a', 'b', 'b'], classes: 2 };
  const { predictions } = nearestNeighbours(features, { neighbours: 1 });
  expect(predictions).toEqual([0, 0, 0, 0]); // of the other pair, its first
  const queries = { ...features, contents: ['c', 'd', 'e', 'f'] };
  expect(nearestNeighbours(features, { neighbours: 1, queries }).predictions).toEqual([0, 0, 0, 0]);
  expect(() => nearestNeighbours(features, { neighbours: 0 })).toThrow(OptionError);
  expect(() => nearestNeighbours(features, { temperature: 0 })).toThrow(OptionError);
  await expect(crossValidatedProbe(features, { folds: 1 })).rejects.toThrow(OptionError);
  await expect(
    crossValidatedProbe(features, { folds: 2, innerFolds: 2, signal: AbortSignal.abort(new Error('stopped')) }),
  ).rejects.toThrow('stopped');
  expect(() => logisticRegression(rows, [0], 2)).toThrow(OptionError);
  expect(() => logme([], [], 2)).toThrow(OptionError);
});
