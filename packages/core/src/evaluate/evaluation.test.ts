import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { randomStream } from '../base/random.ts';
import { type EvaluationMetrics, type Judged, measure, startEvaluation } from './evaluation.ts';
import { mcnemar, pairedInterval } from './mcnemar.ts';
import { fitTemperature } from './temperature.ts';

interface Golden {
  readonly cases: readonly {
    readonly name: string;
    readonly classes: number;
    readonly labels: readonly number[];
    readonly probabilities: readonly (readonly number[])[];
    readonly expected: Expected;
  }[];
  readonly mcnemar: readonly { onlyFirst: number; onlySecond: number; pValue: number }[];
  readonly temperature: readonly {
    readonly name: string;
    readonly labels: readonly number[];
    readonly logits: readonly (readonly number[])[];
    readonly temperature: number;
    readonly before: number;
    readonly after: number;
  }[];
  readonly bootstrap: Readonly<Record<'accuracy' | 'f1' | 'loss', readonly [number, number]>>;
}

type Numbers = readonly (number | null)[];
interface Expected {
  readonly accuracy: number;
  readonly balancedAccuracy: number;
  readonly loss: number;
  readonly topK: Readonly<Record<string, number>>;
  readonly confusion: readonly (readonly number[])[];
  readonly confusionByRow: readonly Numbers[];
  readonly precision: Numbers;
  readonly recall: Numbers;
  readonly f1: Numbers;
  readonly support: readonly number[];
  readonly macro: Numbers;
  readonly weighted: Numbers;
  readonly rocAuc: Numbers;
  readonly averagePrecision: Numbers;
  readonly bins: { readonly images: readonly number[]; readonly accuracy: Numbers; readonly confidence: Numbers };
  readonly calibrationError: number;
  readonly macroRocAuc?: number;
  readonly weightedRocAuc?: number;
  readonly macroAveragePrecision?: number;
  readonly weightedAveragePrecision?: number;
}

const golden = JSON.parse(
  readFileSync(new URL('../../../../golden/evaluation.json', import.meta.url), 'utf8'),
) as Golden;
const names = (count: number) => Array.from({ length: count }, (_, i) => `class ${i}`);
const judgedOf = ({ labels, probabilities }: Golden['cases'][number]): Judged[] =>
  labels.map((label, i) => ({ label, probabilities: probabilities[i]! }));
const close = (value: number, expected: number | null | undefined, digits = 12) => {
  if (expected === null) expect(value).toBeNaN();
  else expect(value).toBeCloseTo(expected!, digits);
};

describe.each(golden.cases)('$name: scikit-learn’s numbers', (one) => {
  const { expected } = one;
  const topK = Object.keys(expected.topK).map(Number);
  const result = measure(judgedOf(one), names(one.classes), { topK, replicates: 0 });

  test('accuracy, top-k, balanced accuracy, log loss', () => {
    close(result.accuracy, expected.accuracy);
    close(result.balancedAccuracy, expected.balancedAccuracy);
    close(result.loss, expected.loss);
    expect(result.topK.map(({ k }) => k)).toEqual(topK);
    for (const { k, accuracy } of result.topK) close(accuracy, expected.topK[k]);
    expect(result.intervals).toBeNull();
  });

  test('the confusion matrix, counts and by row', () => {
    expect(result.confusion).toEqual(expected.confusion);
    result.confusionByRow.forEach((row, i) => {
      // scikit-learn writes 0 in the row of a class without images.
      for (const [j, share] of row.entries())
        close(share, expected.support[i] === 0 ? null : expected.confusionByRow[i]![j]);
    });
  });

  test('precision, recall, F1, ROC-AUC and average precision of each class', () => {
    for (const [i, metrics] of result.classes.entries()) {
      expect(metrics.support).toBe(expected.support[i]);
      for (const name of ['precision', 'recall', 'f1', 'rocAuc', 'averagePrecision'] as const)
        close(metrics[name], expected[name][i]);
    }
  });

  test('their averages', () => {
    for (const average of ['macro', 'weighted'] as const) {
      (['precision', 'recall', 'f1'] as const).forEach((name, i) => {
        close(result[average][name], expected[average][i]);
      });
      const { [`${average}RocAuc` as const]: rocAuc, [`${average}AveragePrecision` as const]: precision } = expected;
      if (rocAuc !== undefined) close(result[average].rocAuc, rocAuc);
      if (precision !== undefined) close(result[average].averagePrecision, precision);
    }
    expect(result.ranking).toEqual({ method: 'exact', error: 0 });
  });

  test('reliability: the bins of calibration_curve, and their error', () => {
    const { bins, error } = result.calibration;
    expect(bins.map(({ images }) => images)).toEqual(expected.bins.images);
    const full = bins.filter(({ images }) => images > 0);
    for (const [i, bin] of full.entries()) {
      close(bin.accuracy, expected.bins.accuracy[i]);
      close(bin.confidence, expected.bins.confidence[i]);
    }
    close(error, expected.calibrationError);
  });
});

describe('more probabilities than are kept', () => {
  test.each(golden.cases)('$name: ROC-AUC and average precision within the error that is stated', (one) => {
    const result = measure(judgedOf(one), names(one.classes), { exactScores: 40 * one.classes, replicates: 0 });
    expect(result.ranking.method).toBe('binned');
    for (const [i, { rocAuc, averagePrecision }] of result.classes.entries()) {
      const within = (value: number, exact: number | null) => {
        if (exact === null) expect(value).toBeNaN();
        else expect(Math.abs(value - exact)).toBeLessThanOrEqual(result.ranking.error + 1e-12);
      };
      within(rocAuc, one.expected.rocAuc[i]!);
      within(averagePrecision, one.expected.averagePrecision[i]!);
    }
  });

  test('20,000 images in bins: off by less than 0.001', () => {
    const draw = randomStream(1, 'scores');
    const images = Array.from({ length: 20_000 }, () => {
      const label = draw.integer(3);
      const logits = Float64Array.from([0, 1, 2], (c) => draw.normal() + (c === label ? 1.5 : 0));
      return { label, probabilities: logits };
    });
    const options = { outputs: 'logits', replicates: 0 } as const;
    const exact = measure(images, names(3), options);
    const binned = measure(images, names(3), { ...options, exactScores: 3000 });
    expect([exact.ranking.method, binned.ranking.method]).toEqual(['exact', 'binned']);
    expect(binned.ranking.error).toBeLessThan(0.002);
    for (const [i, { rocAuc, averagePrecision }] of exact.classes.entries()) {
      expect(Math.abs(binned.classes[i]!.rocAuc - rocAuc)).toBeLessThan(0.001);
      expect(Math.abs(binned.classes[i]!.averagePrecision - averagePrecision)).toBeLessThan(0.001);
    }
  });
});

describe('curves', () => {
  const result = measure(judgedOf(golden.cases[0]!), names(4), { replicates: 0 });

  test('the mean first, then each class; ROC from corner to corner, rising', () => {
    expect(result.curves.map(({ name }) => name)).toEqual([null, ...names(4)]);
    for (const { roc } of result.curves.slice(1)) {
      expect([roc[0], roc.at(-1)]).toEqual([
        [0, 0],
        [1, 1],
      ]);
      expect(roc.slice(1).every(([x, y], i) => x >= roc[i]![0] && y >= roc[i]![1])).toBe(true);
    }
  });

  test('thinned, they have the area that was measured, but for what cannot be seen', () => {
    for (const [i, { roc }] of result.curves.slice(1).entries()) {
      const area = roc.slice(1).reduce((sum, [x, y], j) => sum + ((x - roc[j]![0]) * (y + roc[j]![1])) / 2, 0);
      expect(Math.abs(area - result.classes[i]!.rocAuc)).toBeLessThan(0.02);
    }
  });

  test('recall only grows; precision lies between 0 and 1', () => {
    for (const { precisionRecall } of result.curves.slice(1)) {
      expect(precisionRecall.at(-1)![0]).toBe(1);
      expect(precisionRecall.every(([x, y]) => x > 0 && x <= 1 && y > 0 && y <= 1)).toBe(true);
    }
  });
});

describe('bootstrap intervals', () => {
  const judged = judgedOf(golden.cases[0]!);
  const { intervals } = measure(judged, names(4), { replicates: 4000, seed: 3 });

  test.each(['accuracy', 'f1', 'loss'] as const)('%s: those of SciPy’s bootstrap, but for chance', (name) => {
    const [low, high] = golden.bootstrap[name];
    expect(Math.abs(intervals![name][0] - low)).toBeLessThan(0.12 * (high - low));
    expect(Math.abs(intervals![name][1] - high)).toBeLessThan(0.12 * (high - low));
  });

  test('hold what was measured, also of the rankings', () => {
    const result: EvaluationMetrics = measure(judged, names(4), { seed: 5 });
    const within = ([low, high]: readonly [number, number], value: number) => {
      expect(low).toBeLessThan(value);
      expect(high).toBeGreaterThan(value);
      expect(high - low).toBeLessThan(0.25);
    };
    within(result.intervals!.rocAuc!, result.macro.rocAuc);
    within(result.intervals!.averagePrecision!, result.macro.averagePrecision);
    within(result.intervals!.balancedAccuracy, result.balancedAccuracy);
  });

  test('the same seed gives the same, another seed others', () => {
    const of = (seed: number) => measure(judged, names(4), { replicates: 200, seed }).intervals!;
    expect(of(1)).toEqual(of(1));
    expect(of(1).accuracy).not.toEqual(of(2).accuracy);
  });
});

describe('image by image', () => {
  test('logits give the numbers of their probabilities', () => {
    const one = golden.cases[2]!;
    const evaluation = startEvaluation(names(one.classes), { outputs: 'logits', replicates: 0 });
    for (const [i, label] of one.labels.entries()) evaluation.add(label, one.probabilities[i]!.map(Math.log));
    expect(evaluation.images).toBe(one.labels.length);
    close(evaluation.value().loss, one.expected.loss, 9);
    expect(evaluation.value().confusion).toEqual(one.expected.confusion);
  });

  test('what is not a number is no class’s probability, and the loss says so', () => {
    const result = measure([{ label: 0, probabilities: [Number.NaN, 0.2] }], ['a', 'b'], { replicates: 0 });
    expect(result).toMatchObject({ correct: 0, confusion: [[0, 1], [0, 0]] }); // biome-ignore format: a matrix
    expect(result.loss).toBeNaN();
  });

  test.each([
    [3, [1, 0]],
    [-1, [1, 0]],
    [0, [1, 0, 0]],
  ])('label %i with outputs %j of two classes is refused', (label, outputs) => {
    expect(() => startEvaluation(['a', 'b']).add(label, outputs)).toThrow('expected a label from 0 to 1 and 2 outputs');
  });

  test('options that are no such number are refused', () => {
    expect(() => startEvaluation(['a'], { bins: 0 })).toThrow('bins');
    expect(() => startEvaluation(['a'], { topK: [1.5] })).toThrow('topK');
  });
});

describe('temperature', () => {
  test.each(golden.temperature)('$name: the minimum that SciPy finds', (one) => {
    const images = one.labels.map((label, i) => ({ label, logits: one.logits[i]! }));
    const fitted = fitTemperature(images);
    expect(fitted.temperature).toBeCloseTo(one.temperature, 6);
    expect(fitted.loss.before).toBeCloseTo(one.before, 10);
    expect(fitted.loss.after).toBeCloseTo(one.after, 10);
    expect(fitted.steps).toBeLessThan(20);
    const [low, high] = fitted.interval;
    expect(low < fitted.temperature && fitted.temperature < high).toBe(true);
  });

  test('logits a hundred times as large have a temperature a hundred times as high', () => {
    const { labels, logits } = golden.temperature[0]!;
    const of = (factor: number) =>
      fitTemperature(labels.map((label, i) => ({ label, logits: logits[i]!.map((z) => factor * z) }))).temperature;
    expect(of(100) / of(1)).toBeCloseTo(100, 6);
  });

  test('no minimum, and that is said: all right, or no better than guessing', () => {
    expect(() => fitTemperature([{ label: 0, logits: [2, 1] }])).toThrow('All 1 images are classified correctly');
    expect(() => fitTemperature([{ label: 1, logits: [2, 1] }])).toThrow('no better than guessing');
    expect(() => fitTemperature([])).toThrow('no images');
  });
});

describe('McNemar', () => {
  test.each(golden.mcnemar)('$onlyFirst against $onlySecond: the exact binomial test', (one) => {
    const { pValue } = mcnemar(one.onlyFirst, one.onlySecond);
    expect(pValue / one.pValue).toBeCloseTo(1, 9);
  });

  test('the interval of the difference narrows with images, and holds 0 where neither is better', () => {
    const [low, high] = pairedInterval(mcnemar(10, 10), 100);
    // 1.96 · √(22/102 / 102)
    expect([low, high]).toEqual([expect.closeTo(-high, 12), expect.closeTo(0.0901279, 6)]);
    expect(pairedInterval(mcnemar(100, 300), 1000)[0]).toBeGreaterThan(0.15);
  });
});
