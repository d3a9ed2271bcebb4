import type { OuterLoss } from './learner.ts';
import { type LearnerName, learners } from './learners.ts';

/** A part of meta-training with the same outer loss. */
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
  /** Epochs of first-order gradients, which come first, with annealing. */
  readonly firstOrderEpochs: number;
  /** Epochs in which the loss after every inner step counts, with annealing. */
  readonly multiStepEpochs: number;
}

/** The phases of the outer gradient in a run. Only annealing changes it (MAML++: Antoniou et al. 2018, section 4). */
export function outerPhases(learner: LearnerName, options: OuterOptions): OuterPhase[] {
  const { epochs, innerSteps, firstOrderEpochs, multiStepEpochs } = options;
  const entry = learners[learner];
  if (entry.kind !== 'gradient' || !entry.annealing) {
    const isFirstOrder = entry.kind === 'gradient' && entry.firstOrderOf !== undefined;
    return [{ name: learner, epochs, outer: { order: isFirstOrder ? 1 : 2, everyStep: false } }];
  }
  const changes = [0, firstOrderEpochs, multiStepEpochs, epochs].map((epoch) => Math.min(epoch, epochs));
  const starts = [...new Set(changes)].sort((a, b) => a - b);
  return starts.slice(0, -1).map((start, i) => {
    const order = start < firstOrderEpochs ? 1 : 2;
    const everyStep = start < multiStepEpochs;
    const gradient = order === 1 ? 'first order' : 'second order';
    const loss = everyStep ? 'loss of every step' : 'loss of the last step';
    return {
      name: `${gradient}, ${loss}`,
      epochs: starts[i + 1]! - start,
      outer: { order, everyStep },
      ...(everyStep && { stepWeights: (epoch: number) => stepWeightsAt(epoch, innerSteps, multiStepEpochs) }),
    };
  });
}

/**
 * Weights of the steps' losses: all alike at first, nearly all on the last step in the end. The others fall in a line
 * to a floor of 0.03 / steps, as in the authors' code.
 */
export function stepWeightsAt(epoch: number, steps: number, epochs: number): number[] {
  const even = 1 / steps;
  const other = Math.max(even * (1 - epoch / epochs), 0.03 * even);
  return Array.from({ length: steps }, (_, i) => (i + 1 < steps ? other : 1 - (steps - 1) * other));
}
