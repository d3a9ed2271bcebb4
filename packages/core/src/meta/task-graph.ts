import type { Shape } from '../base/tensor.ts';
import { type Network, resultNames, variablesOf } from '../fit/step.ts';
import { grad } from '../grad/index.ts';
import { input, type Value } from '../graph/index.ts';
import { oneHot, type Variable } from '../nn/index.ts';
import {
  add,
  argMax,
  cast,
  concat,
  equal,
  mul,
  reduceSum,
  reshape,
  sliceAxis,
  softmax,
  sqrt,
  sub,
} from '../ops/index.ts';
import { adapt, answer, type Examples, forward, supportStatistics, type Values } from './inner-loop.ts';
import {
  type GradientLearner,
  innerRateName,
  type Learner,
  type OuterLoss,
  type PrototypeLearner,
  type ReptileLearner,
} from './learner.ts';
import { negativeDistances, prototypes } from './prototypes.ts';

/** The number of images of an episode. */
export interface TaskShape {
  readonly way: number;
  /** The images of the support set, of all classes together. */
  readonly support: number;
  readonly queries: number;
}

/** The names of a task's inputs and outputs that are not variables. */
export const taskNames = {
  support: 'support/input',
  supportLabels: 'support/labels',
  query: 'query/input',
  queryLabels: 'query/labels',
  /** (innerSteps) f32: the weight of the queries' loss after each inner step. */
  stepWeights: 'step/loss-weights',
  /** The results of testing after 0, 1, …, steps inner steps. */
  losses: 'result/losses',
  /** The number of correct queries; in testing, after each number of inner steps. */
  correct: 'result/correct',
  /** The queries' loss after the last inner step. */
  logits: 'result/logits',
  /** The losses where the variables are. */
  supportLoss: 'result/support-loss',
  queryLoss: 'result/query-loss',
  /** The results of a trace after 0, 1, …, steps inner steps, of the support as of the queries. */
  supportLosses: 'result/support-losses',
  supportCorrect: 'result/support-correct',
  supportProbabilities: 'result/support-probabilities',
  queryProbabilities: 'result/query-probabilities',
} as const;
/** The name of a variable after so many inner steps. */
export const pathName = (step: number, variable: string) => `path/${step}/${variable}`;
/** The name of a variable's distance from its start, after each number of inner steps. */
export const distanceName = (variable: string) => `distance/${variable}`;
export const gradientName = (variable: string) => `gradient/${variable}`;

/** The variables of a learner: the network's, and the inner rates it learns, with their initial values. */
export function learnerVariables(network: Network, learner: Learner): Map<string, Variable> {
  const variables = new Map(variablesOf(network));
  if (learner.kind !== 'gradient' || learner.learnedRates === 'none') return variables;
  for (const { name, shape } of [...variables.values()]) {
    const rate = learner.rates.get(name);
    if (!rate) continue;
    const rates: Shape = learner.learnedRates === 'per-element' ? shape : [learner.innerSteps];
    variables.set(innerRateName(name), {
      name: innerRateName(name),
      kind: 'parameter',
      dtype: 'f32',
      shape: rates,
      initialise: (of) => new Float32Array(of.reduce((a, b) => a * b, 1)).fill(rate),
    });
  }
  return variables;
}

/**
 * The outer gradient of one task as a graph. Outputs: `gradient/…` of each variable in `trained`, the queries' loss and
 * how many of them are right (Reptile has no queries: of all its images, before the last step).
 */
export function trainingGraph(
  network: Network,
  learner: Learner,
  shape: TaskShape,
  { trained, outer }: { readonly trained: Iterable<string>; readonly outer: OuterLoss },
): Record<string, Value> {
  const task = taskInputs(network, learner, shape);
  const names = [...trained];
  const { gradients, loss, correct } =
    learner.kind === 'gradient'
      ? throughInnerSteps(network, learner, task, names, outer)
      : learner.kind === 'reptile'
        ? backFromTheEnd(network, learner, task, names)
        : ofPrototypes(network, learner, task, names);
  return {
    ...Object.fromEntries(names.map((name, i) => [gradientName(name), gradients[i]!])),
    [resultNames.loss]: loss,
    [taskNames.correct]: correct,
  };
}

/**
 * The graph that tests a learner on one task. Outputs, for the queries after 0, 1, …, `steps` inner steps: losses
 * (steps + 1) and the number of correct ones (steps + 1); the logits after the last.
 */
export function testGraph(network: Network, learner: Learner, shape: TaskShape, steps: number): Record<string, Value> {
  const task = taskInputs(network, learner, shape);
  const answers =
    learner.kind === 'prototypes'
      ? [prototypeLogits(network, learner, task)]
      : adapt(network, learner, task.start, task.support, steps).path.map((values) =>
          answer(network, learner, values, task.support, task.query.inputs),
        );
  const { labels } = task.query;
  return {
    [taskNames.losses]: stacked(answers.map((logits) => learner.loss(logits, labels))),
    [taskNames.correct]: stacked(answers.map((logits) => countCorrect(logits, labels))),
    [taskNames.logits]: answers.at(-1)!,
  };
}

/**
 * The adaptation of the start to one task as a graph: every variable of the network after `steps` inner steps on the
 * support, with the support's statistics as running ones where there are batch norms that take the batch's.
 */
export function adaptationGraph(
  network: Network,
  learner: GradientLearner | ReptileLearner,
  shape: TaskShape,
  steps: number,
): Record<string, Value> {
  const { start, support } = taskInputs(network, learner, shape);
  const adapted = adapt(network, learner, start, support, steps).path.at(-1)!;
  const own = [...variablesOf(network).keys()].map((name) => [name, adapted.get(name)!] as const);
  const renewed = learner.statistics === 'running' ? [] : supportStatistics(network, adapted, support.inputs);
  return Object.fromEntries([...own, ...renewed]);
}

/**
 * The way of the inner loop as a graph: under `pathName` every parameter that is adapted, after 1, 2, …, `steps` inner
 * steps on the support.
 */
export function pathGraph(
  network: Network,
  learner: GradientLearner | ReptileLearner,
  shape: TaskShape,
  steps: number,
): Record<string, Value> {
  const { start, support } = taskInputs(network, learner, shape);
  const adapted = [...start.keys()].filter((name) => learner.rates.get(name));
  const { path } = adapt(network, learner, start, support, steps);
  const after = path
    .slice(1)
    .map((values, i) => adapted.map((name) => [pathName(i + 1, name), values.get(name)!] as const));
  return Object.fromEntries(after.flat());
}

/**
 * An inner loop as it can be watched. Outputs, after 0, 1, …, `steps` inner steps: losses and correct answers of support
 * and queries (steps + 1), their probabilities (steps + 1, n, way), and under `distanceName` how far each parameter of
 * the network is from its start (steps + 1), in the Euclidean norm.
 */
export function traceGraph(
  network: Network,
  learner: GradientLearner | ReptileLearner,
  shape: TaskShape,
  steps: number,
): Record<string, Value> {
  const { start, support, query } = taskInputs(network, learner, shape);
  const { path } = adapt(network, learner, start, support, steps);
  const known = path.map((values) => forward(network, values, support.inputs, policyOf(learner)).output);
  const asked = path.map((values) => answer(network, learner, values, support, query.inputs));
  const distances = [...variablesOf(network).values()].flatMap(({ kind, name }) =>
    kind === 'parameter'
      ? [[distanceName(name), stacked(path.map((values) => distance(values.get(name)!, start.get(name)!)))] as const]
      : [],
  );
  return {
    [taskNames.supportLosses]: stacked(known.map((logits) => learner.loss(logits, support.labels))),
    [taskNames.losses]: stacked(asked.map((logits) => learner.loss(logits, query.labels))),
    [taskNames.supportCorrect]: stacked(known.map((logits) => countCorrect(logits, support.labels))),
    [taskNames.correct]: stacked(asked.map((logits) => countCorrect(logits, query.labels))),
    [taskNames.supportProbabilities]: probabilitiesOf(known),
    [taskNames.queryProbabilities]: probabilitiesOf(asked),
    ...Object.fromEntries(distances),
  };
}

/** ‖a - b‖ */
function distance(a: Value, b: Value): Value {
  const way = sub(a, b);
  return sqrt(reduceSum(mul(way, way)));
}

/** Logits (n, way) of several steps → probabilities (steps, n, way). */
function probabilitiesOf(logits: readonly Value[]): Value {
  return concat(
    logits.map((each) => reshape(softmax(each), [1, ...each.shape])),
    0,
  );
}

/** The losses of the support and of the queries where the variables are, as a graph. Nothing is adapted. */
export function lossGraph(
  network: Network,
  learner: GradientLearner | ReptileLearner,
  shape: TaskShape,
): Record<string, Value> {
  const { start, support, query } = taskInputs(network, learner, shape);
  const known = forward(network, start, support.inputs, policyOf(learner)).output;
  const asked = answer(network, learner, start, support, query.inputs);
  return {
    [taskNames.supportLoss]: learner.loss(known, support.labels),
    [taskNames.queryLoss]: learner.loss(asked, query.labels),
  };
}

/**
 * The mean feature of each class of the support as a graph: `prototypes` (way, f), and the statistics it was computed
 * with.
 */
export function prototypeGraph(network: Network, learner: PrototypeLearner, shape: TaskShape): Record<string, Value> {
  const { start, support } = taskInputs(network, learner, shape);
  const renewed = learner.statistics === 'running' ? [] : supportStatistics(network, start, support.inputs);
  const { output } = forward(network, new Map([...start, ...renewed]), support.inputs, 'frozen');
  return { prototypes: prototypes(output, oneHot(support.labels, shape.way)), ...Object.fromEntries(renewed) };
}

interface Task {
  readonly way: number;
  readonly start: Values;
  readonly support: Examples;
  readonly query: Examples;
}

function taskInputs(network: Network, learner: Learner, { way, support, queries }: TaskShape): Task {
  const { dtype, shape } = network.input;
  const examples = (images: string, labels: string, count: number) => ({
    inputs: input(images, dtype, [count, ...shape]),
    labels: input(labels, 'i64', [count]),
  });
  const variables = learnerVariables(network, learner);
  return {
    way,
    start: new Map([...variables.values()].map(({ name, dtype: of, shape: as }) => [name, input(name, of, as)])),
    support: examples(taskNames.support, taskNames.supportLabels, support),
    query: examples(taskNames.query, taskNames.queryLabels, queries),
  };
}

interface Outcome {
  readonly gradients: readonly Value[];
  readonly loss: Value;
  readonly correct: Value;
}

/**
 * The outer gradient of MAML and its family: that of the queries' loss at the end of the inner loop, with respect to
 * its start.
 */
function throughInnerSteps(
  network: Network,
  learner: GradientLearner,
  { start, support, query }: Task,
  trained: readonly string[],
  { order, everyStep }: OuterLoss,
): Outcome {
  const { innerSteps, loss: lossOf } = learner;
  const { path, gradients: inner } = adapt(network, learner, start, support, innerSteps);
  const counted = everyStep ? path.slice(1) : path.slice(-1);
  const answers = counted.map((values) => answer(network, learner, values, support, query.inputs));
  const losses = answers.map((logits) => lossOf(logits, query.labels));
  const total = everyStep ? weighted(losses) : losses.at(-1)!;
  const wrt = trained.map((name) => start.get(name)!);
  return {
    gradients: grad(total, wrt, { stopGradients: order === 1 ? inner : [] }),
    loss: losses.at(-1)!,
    correct: countCorrect(answers.at(-1)!, query.labels),
  };
}

/** Σ weight · loss, by weights that are fed. */
function weighted(losses: readonly Value[]): Value {
  const weights = input(taskNames.stepWeights, 'f32', [losses.length]);
  return losses.map((loss, i) => mul(loss, reshape(sliceAxis(weights, 0, i, i + 1), []))).reduce(add);
}

/** The outer "gradient" of Reptile: start - end of an inner loop on all of the task's images. */
function backFromTheEnd(
  network: Network,
  learner: ReptileLearner,
  { start, support, query }: Task,
  trained: readonly string[],
): Outcome {
  const all: Examples = {
    inputs: concat([support.inputs, query.inputs], 0),
    labels: concat([support.labels, query.labels], 0),
  };
  const { path, losses } = adapt(network, learner, start, all, learner.innerSteps);
  const end = path.at(-1)!;
  const { output } = forward(network, path.at(-2) ?? start, all.inputs, policyOf(learner));
  return {
    gradients: trained.map((name) => sub(start.get(name)!, end.get(name)!)),
    loss: losses.at(-1)!,
    correct: countCorrect(output, all.labels),
  };
}

const policyOf = ({ statistics }: Learner) => (statistics === 'running' ? 'frozen' : 'batch');

function ofPrototypes(network: Network, learner: PrototypeLearner, task: Task, trained: readonly string[]): Outcome {
  const logits = prototypeLogits(network, learner, task);
  const loss = learner.loss(logits, task.query.labels);
  return {
    gradients: grad(
      loss,
      trained.map((name) => task.start.get(name)!),
    ),
    loss,
    correct: countCorrect(logits, task.query.labels),
  };
}

/** Support and queries go through the network together where they share their statistics, as in Snell's own code. */
function prototypeLogits(network: Network, learner: PrototypeLearner, { way, start, support, query }: Task): Value {
  const hot = oneHot(support.labels, way);
  if (learner.statistics === 'support') {
    const renewed = new Map([...start, ...supportStatistics(network, start, support.inputs)]);
    const known = forward(network, renewed, support.inputs, 'frozen').output;
    return negativeDistances(answer(network, learner, start, support, query.inputs), prototypes(known, hot));
  }
  const together = concat([support.inputs, query.inputs], 0);
  const features = forward(network, start, together, policyOf(learner)).output;
  const count = support.labels.shape[0]!;
  const known = sliceAxis(features, 0, 0, count);
  const asked = sliceAxis(features, 0, count, features.shape[0]!);
  return negativeDistances(asked, prototypes(known, hot));
}

/** Scalars → (n). */
function stacked(scalars: readonly Value[]): Value {
  return concat(
    scalars.map((value) => reshape(value, [1])),
    0,
  );
}

/** The number of logits (n, classes) that are largest at their label (n), f32. */
export function countCorrect(logits: Value, labels: Value): Value {
  return reduceSum(cast(equal(argMax(logits, 1), labels), 'f32'));
}
