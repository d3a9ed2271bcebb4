import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { OptionError } from '../base/errors.ts';
import { randomStream } from '../base/random.ts';
import { euclidean, nearestNeighbours, neighbourTable } from './neighbours.ts';
import { classOverlap } from './overlap.ts';
import { pca } from './pca.ts';
import { fuzzyGraph, umap } from './umap.ts';

interface PcaGolden {
  readonly vectors: number[][];
  readonly components: number[][];
  readonly variances: number[];
  readonly shares: number[];
  readonly projected: number[][];
}

interface Golden {
  readonly tall: PcaGolden;
  readonly wide: PcaGolden;
  readonly vectors: number[][];
  readonly labels: number[];
  readonly silhouettes: number[];
  readonly neighbours: number[][];
  readonly similarities: number[][];
  readonly graph: [number, number, number][];
  readonly trustworthiness: number;
}

const golden: Golden = JSON.parse(readFileSync(new URL('../../../../golden/embedding.json', import.meta.url), 'utf8'));
const vectors = golden.vectors.map((vector) => Float64Array.from(vector));

/** The largest difference between two lists of lists. */
function farthest(actual: readonly ArrayLike<number>[], expected: readonly number[][]): number {
  expect(actual.map(({ length }) => length)).toEqual(expected.map(({ length }) => length));
  return Math.max(...expected.flatMap((row, i) => row.map((value, j) => Math.abs(value - actual[i]![j]!))));
}

describe('pca equals scikit-learn', () => {
  test.each(['tall', 'wide'] as const)('of %s vectors', (kind) => {
    const expected = golden[kind];
    const found = pca(expected.vectors, { components: expected.variances.length });
    expect(farthest(found.components, expected.components)).toBeLessThan(1e-7);
    expect(farthest(found.projected, expected.projected)).toBeLessThan(1e-6);
    expect(farthest([found.variances, found.shares], [expected.variances, expected.shares])).toBeLessThan(1e-7);
  });

  test('where iteration is needed: 200 dimensions, 40 components', () => {
    const stream = randomStream(1, 'pca test');
    const rows = Array.from({ length: 260 }, () =>
      Float64Array.from({ length: 200 }, (_, j) => stream.normal() * 0.97 ** j),
    );
    const all = pca(rows, { components: 200 }); // as many as dimensions: Jacobi's rotations alone
    const some = pca(rows, { components: 40 });
    expect(
      farthest(
        some.components,
        all.components.slice(0, 40).map((row) => [...row]),
      ),
    ).toBeLessThan(1e-5);
    expect(all.shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 10);
  });

  test('equal vectors have no components, one vector is too few', () => {
    expect(
      pca([
        [1, 2],
        [1, 2],
        [1, 2],
      ]).components,
    ).toEqual([]);
    expect(() => pca([[1, 2]])).toThrow(OptionError);
  });
});

test('neighbours by cosine equal scikit-learn’s, of a vector among them or of another', () => {
  for (const [i, expected] of golden.neighbours.entries()) {
    const found = nearestNeighbours(vectors, i, { count: 5 });
    expect(found.map(({ index }) => index)).toEqual(expected);
    expect(farthest([found.map(({ similarity }) => similarity)], [golden.similarities[i]!])).toBeLessThan(1e-7);
    const [self] = nearestNeighbours(
      vectors,
      vectors[i]!.map((value) => 3 * value),
      { count: 1 },
    );
    expect([self!.index, self!.similarity.toFixed(9)]).toEqual([i, '1.000000000']);
  }
});

test('silhouettes equal scikit-learn’s; classes that overlap are told by their neighbours', () => {
  const classes = ['a', 'b', 'c', 'd', 'none'];
  const found = classOverlap(vectors, golden.labels, classes, { neighbours: 5 });
  const meanOf = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const expected = [0, 1, 2, 3].map((label) => meanOf(golden.silhouettes.filter((_, i) => golden.labels[i] === label)));
  expect(farthest([found.silhouettes.slice(0, 4).map(Number)], [expected])).toBeLessThan(1e-7);
  expect(found.silhouettes[4]).toBeNull();
  expect(found.silhouette).toBeCloseTo(meanOf(golden.silhouettes), 8);
  const counted = classes.map((_, own) => {
    const near = golden.neighbours.flatMap((row, i) => (golden.labels[i] === own ? row : []));
    return classes.map((__, other) => near.filter((j) => golden.labels[j] === other).length / Math.max(1, near.length));
  });
  expect(farthest(found.confusion, counted)).toBeLessThan(1e-12);
  const shares = found.pairs.map(({ share }) => share);
  expect(shares).toEqual([...shares].sort((x, y) => y - x));
  const [first] = found.pairs;
  const [i, j] = first!.classes.map((name) => classes.indexOf(name)) as [number, number];
  expect(first!.share).toBeCloseTo((counted[i]![j]! + counted[j]![i]!) / 2, 12);
  expect(() => classOverlap(vectors, [0], classes)).toThrow(OptionError);
});

/** Venna & Kaski 2001: 1 where the neighbours on the map are neighbours indeed. */
function trustworthiness(points: Float32Array, k: number): number {
  const n = vectors.length;
  const onMap = neighbourTable(
    vectors.map((_, i) => Float64Array.from(points.subarray(2 * i, 2 * i + 2))),
    k,
    euclidean,
  );
  const inSpace = neighbourTable(vectors, n - 1, euclidean);
  let sum = 0;
  for (let i = 0; i < n; i++) {
    const order = Array.from(inSpace.indices.subarray(i * (n - 1), (i + 1) * (n - 1)));
    for (const j of onMap.indices.subarray(i * k, (i + 1) * k)) sum += Math.max(0, order.indexOf(j) + 1 - k);
  }
  return 1 - (2 / (n * k * (2 * n - 3 * k - 1))) * sum;
}

describe('umap', () => {
  test('has the graph of neighbours of umap-learn', () => {
    const edges = fuzzyGraph(neighbourTable(vectors, 14, euclidean), vectors.length);
    expect(edges.map(({ from, to }) => [from, to])).toEqual(golden.graph.map(([from, to]) => [from, to]));
    const weights = edges.map(({ weight }) => weight);
    expect(farthest([weights], [golden.graph.map(([, , weight]) => weight)])).toBeLessThan(1e-4);
  });

  test('keeps neighbours as well as umap-learn, and is the same for the same seed', async () => {
    const { projected } = pca(vectors);
    const epochs: number[] = [];
    const map = await umap(projected, { seed: 3, onProgress: (done) => epochs.push(done) });
    expect(trustworthiness(map, 10)).toBeGreaterThan(golden.trustworthiness - 0.02);
    expect([epochs[0], epochs.at(-1)]).toEqual([0, 500]);
    expect(await umap(projected, { seed: 3 })).toEqual(map);
    expect(await umap(projected, { seed: 4 })).not.toEqual(map);
  });

  test('maps a few vectors, and equal ones', async () => {
    for (const n of [1, 2, 3, 4, 6]) {
      for (const spread of [0, 1]) {
        const few = Array.from({ length: n }, (_, i) => Float64Array.of(spread * i, 1));
        const map = await umap(few);
        expect([map.length, map.every(Number.isFinite)]).toEqual([2 * n, true]);
      }
    }
  });

  test('ends at a signal, with its reason', async () => {
    const reason = new Error('enough');
    await expect(umap(vectors, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});
