import { describe, expect, test } from 'vitest';
import { golden, relativeError, tolerance, withPrefix } from '../../../../test/golden.ts';
import { conv4Network, evaluateTask, innerRates, maml, parametersOf } from '../../../../test/meta.ts';
import { numbers } from '../../../../test/run.ts';
import { grad } from '../grad/index.ts';
import { inputsLike, type Value } from '../graph/index.ts';
import { crossEntropy, functionalCall, type Parameters } from '../nn/index.ts';
import { mul, sub } from '../ops/index.ts';
import { updateParameters } from '../optim/index.ts';
import { taskNames, trainingGraph } from './index.ts';
import { gradientName } from './task-graph.ts';

/* Learners as a person writes them, against the library's own and against PyTorch's numbers (golden/meta.py). */

const { tensors, metadata } = golden('meta');
const { way, shots, queries, filters, steps: stepCounts } = JSON.parse(metadata.config!);
const shape = { way, support: way * shots, queries: way * queries };
const network = conv4Network(filters, way);
const weights = Object.fromEntries(
  Object.entries(withPrefix(tensors, 'init/')).filter(([name]) => parametersOf(network).includes(name)),
);
const names = [taskNames.support, taskNames.supportLabels, taskNames.query, taskNames.queryLabels];
const task = Object.fromEntries(names.map((name) => [name, tensors[name]!]));
const rate = 0.2;

/** The outer gradients of a task, `adapts` saying which parameters the inner loop moves. */
function metaGradients(steps: number, adapts: (name: string) => boolean, order: 1 | 2): Record<string, Value> {
  const start = inputsLike(weights);
  const episode = inputsLike(task);
  const lossOf = (parameters: Parameters, images: string, labels: string) =>
    crossEntropy(functionalCall(network, parameters, episode[images]!, { batchNorm: 'batch' }), episode[labels]!);
  const stopGradients: Value[] = [];
  let adapted: Parameters = start;
  for (let step = 0; step < steps; step++) {
    const moving = Object.fromEntries(Object.entries(adapted).filter(([name]) => adapts(name)));
    const gradients = grad(lossOf(adapted, taskNames.support, taskNames.supportLabels), moving);
    if (order === 1) stopGradients.push(...Object.values(gradients));
    adapted = updateParameters(adapted, gradients, (parameter, gradient) => sub(parameter, mul(gradient, rate)));
  }
  return grad(lossOf(adapted, taskNames.query, taskNames.queryLabels), start, { stopGradients });
}

const isHead = (name: string) => name.startsWith('fc.');
const learners = {
  maml: { adapts: () => true, order: 2, rates: innerRates(network, rate) },
  fomaml: { adapts: () => true, order: 1, rates: innerRates(network, rate) },
  anil: { adapts: isHead, order: 2, rates: innerRates(network, 0, rate) },
  boil: { adapts: (name: string) => !isHead(name), order: 2, rates: innerRates(network, rate, 0) },
} as const;

describe.each(Object.entries(learners))('%s by hand', (name, { adapts, order, rates }) => {
  test.each(stepCounts as number[])('has the meta-gradients of the library and of PyTorch, %i steps', async (steps) => {
    const byHand = await evaluateTask(metaGradients(steps, adapts, order), { ...weights, ...task });
    const learner = maml(network, { innerSteps: steps, rates });
    const outer = { order, everyStep: false };
    const graph = trainingGraph(network, learner, shape, { trained: Object.keys(weights), outer });
    const ours = await evaluateTask(graph, { ...withPrefix(tensors, 'init/'), ...task });
    const largest = Math.max(...Object.values(byHand).flatMap((gradient) => numbers(gradient).map(Math.abs)));
    for (const parameter of Object.keys(weights)) {
      const reference = tensors[`${name}/${steps}/gradient/${parameter}`]!;
      // What is zero in exact arithmetic (a bias before batch norm) is compared with the largest gradient of all.
      const floor = numbers(reference).every((g) => g === 0) ? largest : 0;
      expect(relativeError(byHand[parameter]!, ours[gradientName(parameter)]!, floor), parameter).toBeLessThan(1e-6);
      expect(relativeError(byHand[parameter]!, reference, floor), parameter).toBeLessThan(tolerance.model);
    }
  });
});
