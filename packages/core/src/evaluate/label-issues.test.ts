import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { OptionError } from '../base/errors.ts';
import { estimateLabelNoise } from './confident-joint.ts';
import { findLabelIssues, labelFilters, labelQuality, labelRankings } from './label-issues.ts';

/** Python writes `_` where we write `-`. */
const inPython = (name: string) => name.replaceAll('-', '_');

interface Golden {
  readonly labels: readonly number[];
  readonly probabilities: readonly (readonly number[])[];
  readonly thresholds: readonly number[];
  readonly joint: readonly (readonly number[])[];
  readonly prior: readonly number[];
  readonly noise: readonly (readonly number[])[];
  readonly inverse: readonly (readonly number[])[];
  readonly quality: Readonly<Record<string, readonly number[]>>;
  readonly issues: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>;
}

// golden/label_issues.py
const goldens = Object.entries(
  JSON.parse(readFileSync('golden/label_issues.json', 'utf8')) as Readonly<Record<string, Golden>>,
);
const rounded = (values: readonly number[]) => values.map((value) => Number(value.toFixed(12)));

describe.each(goldens)('%s: what cleanlab says', (_, golden) => {
  const { labels, probabilities } = golden;

  test('of the noise', () => {
    const noise = estimateLabelNoise(labels, probabilities);
    expect(noise.joint).toEqual(golden.joint);
    expect(rounded(noise.thresholds)).toEqual(rounded(golden.thresholds));
    expect(rounded(noise.prior)).toEqual(rounded(golden.prior));
    expect(noise.noise.map(rounded)).toEqual(golden.noise.map(rounded));
    expect(noise.inverse.map(rounded)).toEqual(golden.inverse.map(rounded));
  });

  test.each(labelRankings)('of the quality of each label: %s', (rank) => {
    expect(rounded(labelQuality(labels, probabilities, rank))).toEqual(rounded(golden.quality[inPython(rank)]!));
  });

  test.each(labelFilters.flatMap((filter) => labelRankings.map((rank) => ({ filter, rank }))))(
    'of the suspects: $filter, $rank',
    ({ filter, rank }) => {
      const { issues } = findLabelIssues(labels, probabilities, { filter, rank });
      expect(issues.map(({ index }) => index)).toEqual(golden.issues[inPython(filter)]![inPython(rank)]);
    },
  );
});

test('a suspect says what it is and what it is taken for', () => {
  const rows = [[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.1, 0.9]]; // biome-ignore format: rows
  const { issues } = findLabelIssues(
    [0, 0, 0, 1, 1],
    rows.map((row) => Float64Array.from(row)),
  );
  expect(issues).toEqual([{ index: 2, given: 0, likely: 1, selfConfidence: 0.1, confidence: 0.9, quality: 0.1 }]);
});

test.each([
  ['fewer labels than rows', [0], [[1, 0], [0, 1]], /2 rows of 2 for 1 labels/],
  ['nothing', [], [], /0 rows/],
  ['one class', [0], [[1]], /two classes/],
  ['a label beyond the classes', [0, 2], [[1, 0], [0, 1]], /labels\[1\]/],
  ['rows of different lengths', [0, 0], [[1, 0], [1, 0, 0]], /probabilities\[1\]/],
  ['no probability', [0], [[Number.NaN, 1]], /probabilities\[0\]\[0\]/],
  ['logits', [0], [[3, -1]], /from 0 to 1/],
])('refuses %s', (_, labels, rows, message) => {
  expect(() => findLabelIssues(labels, rows)).toThrow(OptionError);
  expect(() => labelQuality(labels, rows)).toThrow(message);
}); // biome-ignore format: rows
