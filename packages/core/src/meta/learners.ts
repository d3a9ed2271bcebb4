import type { Value } from '../graph/index.ts';
import type { Optimizer } from '../optim/index.ts';
import type { LearnedRates, Learner, OuterLoss, Statistics } from './learner.ts';

/** The learners that are trained across tasks, by name. */
export const learnerNames = ['maml', 'fomaml', 'anil', 'boil', 'meta-sgd', 'maml++', 'reptile', 'protonet'] as const;
export type LearnerName = (typeof learnerNames)[number];

export interface LearnerOptions {
  /** The network's parameters, and which of them are the head's. */
  readonly parameters: readonly string[];
  readonly isHead: (parameter: string) => boolean;
  readonly innerSteps: number;
  readonly innerRate: number;
  readonly innerOptimizer: Optimizer;
  readonly statistics: Statistics;
  readonly loss: (logits: Value, labels: Value) => Value;
}

/** What of a network is adapted, as a factor on the inner rate; and which rates are learned. */
const family: Readonly<
  Record<Exclude<LearnerName, 'reptile' | 'protonet'>, { head: number; body: number; learnedRates: LearnedRates }>
> = {
  maml: { head: 1, body: 1, learnedRates: 'none' },
  fomaml: { head: 1, body: 1, learnedRates: 'none' },
  anil: { head: 1, body: 0, learnedRates: 'none' },
  boil: { head: 0, body: 1, learnedRates: 'none' },
  'meta-sgd': { head: 1, body: 1, learnedRates: 'per-element' },
  'maml++': { head: 1, body: 1, learnedRates: 'per-step' },
};

/** The learner of that name for a network. */
export function makeLearner(name: LearnerName, options: LearnerOptions): Learner {
  const { parameters, isHead, innerSteps, innerRate, innerOptimizer, statistics, loss } = options;
  const common = { name, statistics, loss };
  if (name === 'protonet') return { kind: 'prototypes', ...common };
  const { head, body, learnedRates } = name === 'reptile' ? family.maml : family[name];
  const rates = new Map(parameters.map((each) => [each, innerRate * (isHead(each) ? head : body)]));
  const adapting = { innerSteps, rates, innerOptimizer };
  if (name === 'reptile') return { kind: 'reptile', ...common, ...adapting };
  return { kind: 'gradient', ...common, ...adapting, learnedRates };
}

/** A stretch of meta-training with the same outer loss. */
export interface OuterPhase {
  readonly name: string;
  readonly epochs: number;
  readonly outer: OuterLoss;
  /** The weights of the queries' loss after each inner step, in an epoch (from 0) of the run. */
  readonly stepWeights?: (epoch: number) => readonly number[];
}

export interface OuterOptions {
  readonly epochs: number;
  readonly innerSteps: number;
  /** Of MAML++: epochs of first-order gradients, which come first. */
  readonly firstOrderEpochs: number;
  /** Of MAML++: epochs in which the loss after every inner step counts. */
  readonly multiStepEpochs: number;
}

/** How the outer gradient is taken in the course of a run. Only MAML++ changes its ways (Antoniou et al. 2018, section 4). */
export function outerPhases(name: LearnerName, options: OuterOptions): OuterPhase[] {
  const { epochs, innerSteps, firstOrderEpochs, multiStepEpochs } = options;
  if (name !== 'maml++') {
    return [{ name, epochs, outer: { order: name === 'fomaml' ? 1 : 2, everyStep: false } }];
  }
  const changes = [0, firstOrderEpochs, multiStepEpochs, epochs].map((epoch) => Math.min(epoch, epochs));
  const starts = [...new Set(changes)].sort((a, b) => a - b);
  return starts.slice(0, -1).map((start, i) => {
    const order = start < firstOrderEpochs ? 1 : 2;
    const everyStep = start < multiStepEpochs;
    const words = [
      order === 1 ? 'first order' : 'second order',
      everyStep ? 'loss of every step' : 'loss of the last step',
    ];
    return {
      name: words.join(', '),
      epochs: starts[i + 1]! - start,
      outer: { order, everyStep },
      ...(everyStep && { stepWeights: (epoch: number) => stepWeightsAt(epoch, innerSteps, multiStepEpochs) }),
    };
  });
}

/**
 * All alike at first, nearly all on the last step in the end: the others fall in a line to a floor of 0.03 / steps, as in the
 * authors' code.
 */
export function stepWeightsAt(epoch: number, steps: number, epochs: number): number[] {
  const even = 1 / steps;
  const other = Math.max(even * (1 - epoch / epochs), 0.03 * even);
  return Array.from({ length: steps }, (_, i) => (i + 1 < steps ? other : 1 - (steps - 1) * other));
}
