import { describe, expect, test } from 'vitest';
import { relativeError } from '../../../../test/golden.ts';
import {
  bitsOf,
  conv4Network,
  evaluateTask,
  innerRates,
  madeTask,
  maml,
  parametersOf,
  start,
} from '../../../../test/meta.ts';
import { gaussian, numbers } from '../../../../test/run.ts';
import { f32, i64, type Tensor, type Tensors } from '../base/tensor.ts';
import { type Network, resultNames } from '../fit/step.ts';
import { linear } from '../nn/index.ts';
import { countFlops, tanh } from '../ops/index.ts';
import { adam, rmsprop, sgd } from '../optim/index.ts';
import {
  adaptationGraph,
  type GradientLearner,
  gradientName,
  innerRateName,
  learnerVariables,
  type OuterLoss,
  type TaskShape,
  taskNames,
  testGraph,
  trainingGraph,
} from './index.ts';

const [first, second]: [OuterLoss, OuterLoss] = [
  { order: 1, everyStep: false },
  { order: 2, everyStep: false },
];
const shape: TaskShape = { way: 3, support: 6, queries: 9 };
const network = conv4Network(4, shape.way);
const parameters = parametersOf(network);
const feeds: Tensors = { ...start(network), ...madeTask(shape, 0) };

/** Which parameters three inner steps leave as they are, to the bit. */
async function untouched(learner: GradientLearner): Promise<string[]> {
  const after = await evaluateTask(adaptationGraph(network, learner, shape, 3), feeds);
  return parameters.filter((name) => Buffer.compare(bitsOf(after[name]!), bitsOf(feeds[name]!)) === 0);
}

describe('what an inner step leaves alone stays to the bit', () => {
  const [head, body] = [true, false].map((isHead) => parameters.filter((name) => name.startsWith('fc.') === isHead));
  test('ANIL: the body', async () => {
    expect(await untouched(maml(network, { rates: innerRates(network, 0, 0.2) }))).toEqual(body);
  });
  test('BOIL: the head', async () => {
    expect(await untouched(maml(network, { rates: innerRates(network, 0.2, 0) }))).toEqual(head);
  });
  test('MAML: nothing', async () => {
    expect(await untouched(maml(network))).toEqual([]);
  });
  test('by any optimizer: Adam would move what has no gradient', async () => {
    const learner = maml(network, { rates: innerRates(network, 0, 0.01), innerOptimizer: adam() });
    expect(await untouched(learner)).toEqual(body);
  });
});

describe('the order of the gradient', () => {
  const count = (innerSteps: number, outer: OuterLoss) =>
    countFlops(
      Object.values(trainingGraph(network, maml(network, { innerSteps }), shape, { trained: parameters, outer })),
    );

  test.each([1, 3])('of first order %i inner steps are as many ordinary steps, and one for the queries', (steps) => {
    const { nodes } = count(steps, first);
    expect(nodes).toMatchObject({
      Conv2d: 4 * (steps + 1),
      Conv2dInputGrad: 3 * (steps + 1), // images need no gradient
      Conv2dWeightGrad: 4 * (steps + 1),
      BatchNorm: 4 * (steps + 1),
    });
  });
  test('of second order each inner step is gone through backwards, too', () => {
    for (const steps of [1, 3]) {
      const once = count(steps, first);
      const twice = count(steps, second);
      expect(twice.nodes.Conv2d! - once.nodes.Conv2d!).toBeGreaterThanOrEqual(3 * steps);
      expect(twice.total / once.total).toBeGreaterThan(1.5);
    }
  });
  test('both give the same loss, and gradients that differ', async () => {
    const [one, two] = await Promise.all(
      [first, second].map((outer) =>
        evaluateTask(trainingGraph(network, maml(network), shape, { trained: parameters, outer }), feeds),
      ),
    );
    expect(relativeError(one![resultNames.loss]!, two![resultNames.loss]!)).toBeLessThan(1e-5);
    const far = gradientName('layer2.conv.weight');
    expect(relativeError(one![far]!, two![far]!, 0)).toBeGreaterThan(0.05);
  });
  test('what is not trained costs no gradient, though it is adapted', () => {
    const graph = trainingGraph(network, maml(network), shape, { trained: ['fc.weight'], outer: first });
    expect(Object.keys(graph)).toEqual([gradientName('fc.weight'), resultNames.loss, taskNames.correct]);
    const all = count(3, first);
    const some = countFlops(Object.values(graph));
    expect(all.nodes.Conv2dWeightGrad! - some.nodes.Conv2dWeightGrad!).toBe(4);
  });
});

/** Two layers without a kink, for features. */
const smooth: Network = {
  input: { dtype: 'f32', shape: [4] },
  forward: (s, x) => linear(s.at('fc'), tanh(linear(s.at('body'), x, { features: 5 })), { features: 3 }),
};
const small: TaskShape = { way: 3, support: 6, queries: 6 };
const labels = i64([6], [0, 0, 1, 1, 2, 2]);
const examples: Tensors = {
  [taskNames.support]: gaussian([6, 4], 'support'),
  [taskNames.supportLabels]: labels,
  [taskNames.query]: gaussian([6, 4], 'query'),
  [taskNames.queryLabels]: labels,
};

describe('the meta-gradient is the derivative of the queries’ loss', () => {
  const optimizers = {
    sgd: [sgd({ momentum: 0 }), 0.5],
    nesterov: [sgd({ momentum: 0.9, nesterov: true }), 0.3],
    adam: [adam({ epsilon: 0.1 }), 0.1],
    rmsprop: [rmsprop({ epsilon: 0.1 }), 0.05],
  } as const;

  test.each(Object.entries(optimizers))(
    'by differences, through three steps of %s',
    async (_name, [innerOptimizer, rate]) => {
      const rates = innerRates(smooth, rate);
      const learner = maml(smooth, { innerOptimizer, rates, learnedRates: 'per-step' });
      const variables = learnerVariables(smooth, learner);
      const point: Tensors = { ...start(smooth, 3), ...learned(variables.keys(), rate) };
      const graph = trainingGraph(smooth, learner, small, { trained: variables.keys(), outer: second });
      const directions = Object.fromEntries(
        [...variables].map(([name, { shape: of }]) => [name, gaussian(of, 'direction', name)]),
      );
      const gradients = await evaluateTask(graph, { ...point, ...examples });
      const slope = [...variables.keys()].reduce(
        (sum, name) => sum + dot(gradients[gradientName(name)]!, directions[name]!),
        0,
      );
      const lossAt = async (t: number) => {
        const { [resultNames.loss]: loss } = await evaluateTask(
          { [resultNames.loss]: graph[resultNames.loss]! },
          {
            ...examples,
            ...moved(point, directions, t),
          },
        );
        return numbers(loss)[0]!;
      };
      // (8(f(ε) - f(-ε)) - (f(2ε) - f(-2ε))) / 12ε: with ε = 1/128 rounding and the fifth derivative are both below
      // 1e-4.
      const e = 1 / 128;
      const difference =
        (8 * ((await lossAt(e)) - (await lossAt(-e))) - ((await lossAt(2 * e)) - (await lossAt(-2 * e)))) / (12 * e);
      expect(Math.abs(slope)).toBeGreaterThan(0.05);
      expect(Math.abs(difference - slope) / Math.abs(slope)).toBeLessThan(2e-3);
    },
  );
});

/** Rates of three steps that differ. */
function learned(names: Iterable<string>, rate: number): Record<string, Tensor> {
  const rates = [...names].filter((name) => name.startsWith(innerRateName('')));
  return Object.fromEntries(rates.map((name) => [name, f32([3], [rate, 0.8 * rate, 1.2 * rate])]));
}

const dot = (a: Tensor, b: Tensor) => numbers(a).reduce((sum, x, i) => sum + x * Number(b.data[i]), 0);

function moved(point: Tensors, directions: Tensors, t: number): Tensors {
  return Object.fromEntries(
    Object.entries(point).map(([name, value]) => {
      const { data } = directions[name]!;
      return [
        name,
        f32(
          value.shape,
          numbers(value).map((x, i) => x + t * Number(data[i])),
        ),
      ];
    }),
  );
}

describe('an adaptive optimizer in the inner loop', () => {
  test.each([
    ['adam', adam()],
    ['rmsprop', rmsprop()],
  ])('%s: elements without a gradient make nothing NaN', async (_name, innerOptimizer) => {
    const learner = maml(smooth, { innerOptimizer, rates: innerRates(smooth, 0.01) });
    const names = parametersOf(smooth);
    const graph = trainingGraph(smooth, learner, small, { trained: names, outer: second });
    const dead = { ...start(smooth), 'fc.weight': f32([3, 5], new Array(15).fill(0)) }; // nothing reaches the body
    const results = await evaluateTask(graph, { ...dead, ...examples });
    for (const name of names) {
      for (const x of numbers(results[gradientName(name)])) expect(Number.isFinite(x), name).toBe(true);
    }
  });
});

describe('more steps in a test than in training', () => {
  test('the steps before are the same, and steps beyond those that rates were learned for take the last one’s', async () => {
    const learner = maml(smooth, { learnedRates: 'per-step', innerSteps: 2 });
    const names = parametersOf(smooth);
    const rates = (values: readonly number[]) =>
      Object.fromEntries(names.map((name) => [innerRateName(name), f32([values.length], values)]));
    const lossesOf = async (of: GradientLearner, steps: number, values: readonly number[]) =>
      numbers(
        (await evaluateTask(testGraph(smooth, of, small, steps), { ...start(smooth), ...rates(values), ...examples }))[
          taskNames.losses
        ],
      );
    const two = await lossesOf(learner, 2, [0.3, 0.1]);
    const four = await lossesOf(learner, 4, [0.3, 0.1]);
    expect(four.slice(0, 3)).toEqual(two);
    expect(four).toEqual(await lossesOf({ ...learner, innerSteps: 4 }, 4, [0.3, 0.1, 0.1, 0.1]));
    expect(new Set(four).size).toBe(5);
  });
  test('no step at all is the start itself', async () => {
    const learner = maml(smooth);
    const losses = await evaluateTask(testGraph(smooth, learner, small, 0), { ...start(smooth), ...examples });
    expect(losses[taskNames.losses]!.shape).toEqual([1]);
  });
});
