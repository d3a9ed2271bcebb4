import { OptionError, ShapeError } from '../base/errors.ts';
import { formatType, sizeOf, type Tensor } from '../base/tensor.ts';

/**
 * A number that says how good a network is, counted up batch by batch. Any object of this form is a metric: evaluations
 * have its value under its name.
 */
export interface Metric<N extends string = string> {
  readonly name: N;
  readonly higherIsBetter: boolean;
  /** A count that begins anew. */
  start(): MetricState;
}

export interface MetricState {
  /**
   * Takes in the first `count` examples of a batch: outputs (n, …) of the network, targets (n, …). What follows them is
   * padding.
   */
  add(outputs: Tensor, targets: Tensor, count: number): void;
  /** Over all that was added. */
  value(): number;
  /**
   * For a mean over examples, the sum: in training, sums add up exactly over an epoch. Default: the value times the
   * examples.
   */
  sum?(): number;
}

/**
 * A metric that is the mean over the examples of what `measure` says of each: of its output and its target, as plain
 * numbers in row-major order.
 *
 * @example const within = meanMetric('within', { higherIsBetter: true }, ([y], [target]) => Number(Math.abs(y! - target!) < 0.1));
 */
export function meanMetric<const N extends string>(
  name: N,
  { higherIsBetter }: { readonly higherIsBetter: boolean },
  measure: (output: readonly number[], target: readonly number[]) => number,
): Metric<N> {
  return {
    name,
    higherIsBetter,
    start() {
      let [sum, examples] = [0, 0];
      return {
        add(outputs, targets, count) {
          for (let i = 0; i < count; i++) sum += measure(numbersOf(outputs, i), numbersOf(targets, i));
          examples += count;
        },
        value: () => sum / examples,
        sum: () => sum,
      };
    },
  };
}

/** One example of a batch (n, …), as plain numbers. */
function numbersOf({ data, shape }: Tensor, index: number): number[] {
  const width = sizeOf(shape.slice(1));
  return Array.from({ length: width }, (_, i) => Number(data[index * width + i]));
}

/** The share of examples whose largest logit is that of their label: outputs (n, classes), targets (n). */
export function accuracy(): Metric<'accuracy'> {
  const { start } = topK(1);
  return { name: 'accuracy', higherIsBetter: true, start };
}

/**
 * The share of examples whose label is among the k largest logits: outputs (n, classes), targets (n). Of equals the
 * first counts.
 */
export function topK<const K extends number>(k: K): Metric<`top${K}`> {
  if (!Number.isInteger(k) || k < 1) {
    throw new OptionError({ option: 'k', expected: 'a whole number from 1 on', received: k });
  }
  const name: `top${K}` = `top${k}`;
  // A logit that is not a number is below all others.
  const rank = (logits: readonly number[], label: number) =>
    logits.filter((logit, i) => !(logit < logits[label]!) && (logit !== logits[label] || i < label)).length;
  const metric = meanMetric(name, { higherIsBetter: true }, (logits, [label]) => Number(rank(logits, label!) < k));
  return {
    ...metric,
    start() {
      const state = metric.start();
      return {
        ...state,
        add(outputs, targets, count) {
          if (outputs.shape.length !== 2 || targets.shape.length !== 1) {
            throw new ShapeError({
              op: k === 1 ? 'accuracy' : name,
              expected: 'outputs (n, classes) and labels (n)',
              received: `${formatType(outputs)} and ${formatType(targets)}`,
              message:
                `expected outputs (n, classes) and labels (n), received ${formatType(outputs)} and ` +
                `${formatType(targets)}. ` +
                'Say what else is to be measured: metrics: [meanAbsoluteError()], or metrics: [] for the loss alone',
            });
          }
          state.add(outputs, targets, count);
        },
      };
    },
  };
}

/** The mean absolute difference of outputs and targets of one shape, (n, …). */
export function meanAbsoluteError(): Metric<'meanAbsoluteError'> {
  return meanMetric('meanAbsoluteError', { higherIsBetter: false }, (output, target) =>
    mean(output.map((value, i) => Math.abs(value - target[i]!))),
  );
}

/** The mean squared difference of outputs and targets of one shape, (n, …). */
export function meanSquaredError(): Metric<'meanSquaredError'> {
  return meanMetric('meanSquaredError', { higherIsBetter: false }, (output, target) =>
    mean(output.map((value, i) => (value - target[i]!) ** 2)),
  );
}

/**
 * The share of labels that a network gets right of examples with several: logits and targets 0 or 1, both (n, labels).
 */
export function multilabelAccuracy(): Metric<'multilabelAccuracy'> {
  return meanMetric('multilabelAccuracy', { higherIsBetter: true }, (logits, target) =>
    mean(logits.map((logit, i) => Number(logit > 0 === target[i]! > 0.5))),
  );
}

/**
 * F₁ of all labels together (micro-averaged), 2·TP / (2·TP + FP + FN): logits and targets 0 or 1, both (n, labels).
 * Where there is nothing to find and nothing was found, it is 1.
 */
export function f1Score(): Metric<'f1Score'> {
  return {
    name: 'f1Score',
    higherIsBetter: true,
    start() {
      let [both, either] = [0, 0];
      return {
        add(outputs, targets, count) {
          for (let i = 0; i < count; i++) {
            const target = numbersOf(targets, i);
            numbersOf(outputs, i).forEach((logit, j) => {
              both += Number(logit > 0 && target[j]! > 0.5);
              either += Number(logit > 0) + Number(target[j]! > 0.5);
            });
          }
        },
        value: () => (either === 0 ? 1 : (2 * both) / either),
      };
    },
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The sum of each metric over the first `count` examples of a batch. */
export function sumsOver<M extends string>(
  metrics: readonly Metric<M>[],
  outputs: Tensor,
  targets: Tensor,
  count: number,
): Readonly<Record<M, number>> {
  return scoresOf(metrics, (metric) => {
    const state = metric.start();
    state.add(outputs, targets, count);
    return state.sum?.() ?? state.value() * count;
  });
}

/**
 * The metrics that are asked for. Without any `M` is its default, and what is measured is the accuracy.
 *
 * @throws OptionError where they are not a list of metrics
 */
export function metricsIn<M extends string>({
  metrics,
}: {
  readonly metrics?: readonly Metric<M>[] | undefined;
}): readonly Metric<M>[] {
  const usual: readonly Metric<string>[] = [accuracy()];
  const isMetric = (metric: Partial<Metric> | null) => typeof metric?.start === 'function';
  if (metrics !== undefined && !(Array.isArray(metrics) && metrics.every(isMetric))) {
    const expected = 'a list of metrics: [accuracy(), topK(5)]';
    throw new OptionError({ option: 'metrics', expected, received: metrics, problem: `: expected ${expected}.` });
  }
  return metrics ?? (usual as readonly Metric<M>[]);
}

/** A number for each metric, under its name. */
export function scoresOf<T extends { readonly name: string }>(
  metrics: readonly T[],
  score: (metric: T, index: number) => number,
): Readonly<Record<T['name'], number>> {
  return Object.fromEntries(metrics.map((metric, index) => [metric.name, score(metric, index)])) as Record<
    T['name'],
    number
  >;
}
