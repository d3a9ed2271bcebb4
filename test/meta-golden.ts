import { type Tensor, type Tensors, tensor } from '@graft-ml/core/internal/base/tensor';
import { resultNames } from '@graft-ml/core/internal/fit/step';
import {
  type GradientLearner,
  innerRateName,
  type Learner,
  type OuterLoss,
  type ReptileLearner,
  type Statistics,
  taskNames,
  testGraph,
  trainingGraph,
} from '@graft-ml/core/internal/meta/index';
import { crossEntropy } from '@graft-ml/core/nn';
import { adam, type Optimizer, sgd } from '@graft-ml/core/optim';
import { describe, expect, test } from 'vitest';
import { golden, relativeError, tolerance, withPrefix } from './golden.ts';
import { conv4Network, type evaluateTask, innerRates, parametersOf } from './meta.ts';

/** A learner as `golden/meta.py` describes it. */
interface Description {
  readonly body: number | null;
  readonly head: number | null;
  readonly order: 1 | 2;
  readonly optimizer: 'sgd' | 'momentum' | 'adam';
  readonly statistics: Statistics;
  readonly loss: 'query' | 'steps' | 'reptile';
  readonly rates?: 'element' | 'step';
}

export const { tensors, metadata } = golden('meta');
export const config = JSON.parse(metadata.config!);
const learners: Record<string, Description> = config.learners;
const { way, shots, queries } = config;
const shape = { way, support: way * shots, queries: way * queries };
export const network = conv4Network(config.filters, way);
export const parameters = parametersOf(network);
export const task: Tensors = { ...withPrefix(tensors, 'init/'), ...images() };
export const most = Math.max(...config.steps);

function images(): Tensors {
  const names = [taskNames.support, taskNames.supportLabels, taskNames.query, taskNames.queryLabels];
  return Object.fromEntries(names.map((name) => [name, tensors[name]!]));
}

const innerOptimizers: Record<Description['optimizer'], Optimizer> = {
  sgd: sgd({ momentum: 0 }),
  momentum: sgd({ momentum: config.momentum }),
  adam: adam(config.adam),
};

export function learnerOf(name: string, innerSteps: number): GradientLearner | ReptileLearner {
  const { body, head, optimizer, statistics, loss, rates } = learners[name]!;
  const common = {
    name,
    statistics,
    loss: crossEntropy,
    innerSteps,
    rates: innerRates(network, body ?? 1, head ?? 1), // where they are learned, what counts is fed
    innerOptimizer: innerOptimizers[optimizer],
  };
  if (loss === 'reptile') return { ...common, kind: 'reptile' };
  const learnedRates = rates === 'element' ? 'per-element' : rates === 'step' ? 'per-step' : 'none';
  return { ...common, kind: 'gradient', learnedRates };
}

/** The learned rates of a learner, of its first `steps` steps. */
export function ratesOf({ rates }: Description, steps: number): Record<string, Tensor> {
  if (!rates) return {};
  return Object.fromEntries(
    Object.entries(withPrefix(tensors, `rate/${rates}/`)).map(([name, rate]) => {
      const isCut = rates === 'step';
      const data = rate.data as Float32Array;
      return [innerRateName(name), isCut ? tensor('f32', [steps], data.slice(0, steps)) : rate];
    }),
  );
}

/** The largest error of one result; what is zero in exact arithmetic is compared with the largest gradient of all. */
function expectClose(actual: Tensors, expected: Tensors) {
  const largest = Math.max(
    ...Object.values(expected).flatMap(({ data }) => Array.from(data as Float32Array, Math.abs)),
  );
  expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, reference] of Object.entries(expected)) {
    const isZero = reference.data.every((x: number | bigint) => Number(x) === 0);
    expect(relativeError(actual[name]!, reference, isZero ? largest : 0), name).toBeLessThan(tolerance.model);
  }
}

/** How many of the queries are right after each number of steps. */
function correctAnswers(logits: Float32Array): Float32Array {
  const labels = tensors[taskNames.queryLabels]!.data;
  const answers = Array.from({ length: logits.length / way }, (_, i) => {
    const row = logits.subarray(i * way, (i + 1) * way);
    return row.indexOf(Math.max(...row));
  });
  return Float32Array.from({ length: most + 1 }, (_, step) => {
    const ofStep = answers.slice(step * shape.queries, (step + 1) * shape.queries);
    return ofStep.filter((answer, i) => answer === Number(labels[i])).length;
  });
}

/** Registers the tests that every learner's losses, logits and meta-gradients, as `evaluate` runs them, equal PyTorch's. */
export function testLearners(evaluate: typeof evaluateTask): void {
  describe.each(Object.keys(learners))('%s equals PyTorch', (name) => {
    const { order, loss } = learners[name]!;
    const outer: OuterLoss = { order, everyStep: loss === 'steps' };

    test.each(config.steps as number[])('loss and gradients through %i inner steps', async (steps) => {
      const learner = learnerOf(name, steps);
      const rates = ratesOf(learners[name]!, steps);
      const trained = [...parameters, ...Object.keys(rates)];
      const outputs = trainingGraph(network, learner, shape, { trained, outer });
      const stepWeights = { [taskNames.stepWeights]: tensors[`step-weights/${steps}`]! };
      const results = await evaluate(outputs, { ...task, ...rates, ...stepWeights });
      expect(relativeError(results[resultNames.loss]!, tensors[`${name}/${steps}/loss`]!)).toBeLessThan(
        tolerance.model,
      );
      const expected = withPrefix(tensors, `${name}/${steps}/gradient/`);
      expect(Object.keys(expected).length).toBe(trained.length);
      expectClose(withPrefix(results, 'gradient/'), expected);
    });

    test(`losses and logits after 0 to ${most} inner steps`, async () => {
      const learner = learnerOf(name, most);
      const feeds = { ...task, ...ratesOf(learners[name]!, most) };
      const results = await evaluate(testGraph(network, learner, shape, most), feeds);
      expect(relativeError(results[taskNames.losses]!, tensors[`${name}/losses`]!)).toBeLessThan(tolerance.model);
      const logits = tensors[`${name}/logits`]!.data as Float32Array;
      const last = tensor('f32', [shape.queries, way], logits.slice(-shape.queries * way));
      expect(relativeError(results[taskNames.logits]!, last)).toBeLessThan(tolerance.model);
      expect(results[taskNames.correct]).toEqual(tensor('f32', [most + 1], correctAnswers(logits)));
    });
  });

  test.each(Object.entries(config.prototypes as Record<string, Statistics>))(
    '%s equals PyTorch',
    async (name, statistics) => {
      const features = conv4Network(config.filters, 0);
      const learner: Learner = { kind: 'prototypes', name, statistics, loss: crossEntropy };
      const trained = parametersOf(features);
      const outputs = trainingGraph(features, learner, shape, { trained, outer: { order: 1, everyStep: false } });
      const results = await evaluate(outputs, task);
      expect(relativeError(results[resultNames.loss]!, tensors[`${name}/loss`]!)).toBeLessThan(tolerance.model);
      expectClose(withPrefix(results, 'gradient/'), withPrefix(tensors, `${name}/gradient/`));
      const { [taskNames.logits]: logits } = await evaluate(testGraph(features, learner, shape, 0), task);
      expect(relativeError(logits!, tensors[`${name}/logits`]!)).toBeLessThan(tolerance.model);
    },
  );
}
