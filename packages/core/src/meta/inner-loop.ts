import { f32, type Shape, zeros } from '../base/tensor.ts';
import type { Network } from '../fit/step.ts';
import { grad } from '../grad/index.ts';
import { constant, type Value } from '../graph/index.ts';
import { type BatchNormPolicy, type FunctionalResult, functionalCallWithState } from '../nn/index.ts';
import { reshape, sliceAxis } from '../ops/index.ts';
import type { Slots, StepScalars } from '../optim/index.ts';
import { type GradientLearner, innerRateName, type Learner, type ReptileLearner, type Statistics } from './learner.ts';

/** The value of each variable of a network in the graph, by name. */
export type Values = ReadonlyMap<string, Value>;

/** Labelled images in the graph. */
export interface Examples {
  /** (n, …) */
  readonly inputs: Value;
  /** (n) i64 */
  readonly labels: Value;
}

/** The result of an inner loop. */
export interface Adaptation {
  /** The network's variables after 0, 1, …, `steps` inner steps. */
  readonly path: readonly Values[];
  /** The gradients of all inner steps. A first-order learner takes them for constants. */
  readonly gradients: readonly Value[];
  /** The support's loss before each step. */
  readonly losses: readonly Value[];
}

/**
 * The network on one batch, with these values for its variables. Dropout has no place here: the loop is short and must
 * repeat.
 */
export function forward(network: Network, values: Values, inputs: Value, batchNorm: BatchNormPolicy): FunctionalResult {
  return functionalCallWithState(network, Object.fromEntries(values), inputs, { batchNorm });
}

/** The policy for a batch that is normalised by itself. */
const own = (statistics: Statistics): BatchNormPolicy => (statistics === 'running' ? 'frozen' : 'batch');

/** Takes `steps` inner steps on the support. All of it is one graph, so the result can be differentiated. */
export function adapt(
  network: Network,
  learner: GradientLearner | ReptileLearner,
  start: Values,
  support: Examples,
  steps: number,
): Adaptation {
  const adapted = [...start.keys()].filter((name) => learner.rates.get(name));
  const slots = new Map(adapted.map((name) => [name, emptySlots(learner, start.get(name)!.shape)]));
  const path: Values[] = [start];
  const gradients: Value[] = [];
  const losses: Value[] = [];
  for (let step = 0; step < steps; step++) {
    const now = path[step]!;
    const { output } = forward(network, now, support.inputs, own(learner.statistics));
    const loss = learner.loss(output, support.labels);
    const next = new Map(now);
    const slopes = grad(
      loss,
      adapted.map((name) => now.get(name)!),
    );
    adapted.forEach((name, i) => {
      const scalars = innerScalars(learner, start, name, step);
      const setting = { rate: 1, weightDecay: 0 };
      const { parameter, slots: kept } = learner.innerOptimizer.update(
        now.get(name)!,
        slopes[i]!,
        slots.get(name)!,
        scalars,
        setting,
      );
      next.set(name, parameter);
      slots.set(name, kept);
    });
    path.push(next);
    gradients.push(...slopes);
    losses.push(loss);
  }
  return { path, gradients, losses };
}

function emptySlots({ innerOptimizer }: GradientLearner | ReptileLearner, shape: Shape): Slots {
  return Object.fromEntries(innerOptimizer.slots.map((slot) => [slot, constant(zeros('f32', shape))]));
}

/** The scalars of the inner optimizer in a step (from 0) of a parameter: numbers, or rates that are learned. */
function innerScalars(
  learner: GradientLearner | ReptileLearner,
  start: Values,
  parameter: string,
  step: number,
): StepScalars {
  const counted = Object.entries(learner.innerOptimizer.scalars(step + 1));
  return {
    learningRate: innerRate(learner, start, parameter, step),
    ...Object.fromEntries(counted.map(([name, value]) => [name, constant(f32([], [value]))])),
  };
}

/** Steps beyond those that rates were learned for take the last one's. */
function innerRate(learner: GradientLearner | ReptileLearner, start: Values, parameter: string, step: number): Value {
  const learned = start.get(innerRateName(parameter));
  if (!learned) return constant(f32([], [learner.rates.get(parameter)!]));
  if (learner.kind === 'gradient' && learner.learnedRates === 'per-element') return learned;
  const at = Math.min(step, learned.shape[0]! - 1);
  return reshape(sliceAxis(learned, 0, at, at + 1), []);
}

/**
 * The network on queries. With `support` statistics they are normalised by those that the support has under the same
 * values; such statistics are running ones, so the variance is the unbiased estimate.
 */
export function answer(
  network: Network,
  { statistics }: Pick<Learner, 'statistics'>,
  values: Values,
  support: Examples,
  queries: Value,
): Value {
  if (statistics !== 'support') return forward(network, values, queries, own(statistics)).output;
  const renewed = new Map([...values, ...supportStatistics(network, values, support.inputs)]);
  return forward(network, renewed, queries, 'frozen').output;
}

/** The running statistics that a network has after seeing these images alone, by the name of the buffer. */
export function supportStatistics(network: Network, values: Values, inputs: Value): Values {
  return new Map(Object.entries(forward(network, values, inputs, 'renewed').buffers));
}
