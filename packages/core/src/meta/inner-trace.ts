import { OptionError } from '../base/errors.ts';
import type { Tensor, Tensors } from '../base/tensor.ts';
import type { Network } from '../fit/step.ts';
import type { Runtime } from '../runtime/index.ts';
import type { Episode } from './episode.ts';
import type { GradientLearner, ReptileLearner } from './learner.ts';
import { distanceName, taskNames, traceGraph } from './task-graph.ts';
import { feedsOfEpisode } from './task-program.ts';

export interface InnerTraceOptions {
  /** Runs the graph. It stays its owner's. */
  readonly runtime: Runtime;
  /** Inner steps; 0 says what the start says. Default: the learner's. */
  readonly steps?: number | undefined;
}

/** A learner's answers to the images of one side of a task. */
export interface InnerAnswers {
  /** The mean loss, in nats where it is the cross-entropy. */
  readonly loss: number;
  /** The share of right answers, from 0 to 1. */
  readonly accuracy: number;
  /** By image and class. */
  readonly probabilities: readonly (readonly number[])[];
}

/** A learner in the course of its inner loop. */
export interface InnerStep {
  /** The inner steps that were taken, from 0. */
  readonly step: number;
  readonly support: InnerAnswers;
  readonly query: InnerAnswers;
  /** How far each parameter of the network is from its start: the Euclidean distance. */
  readonly distances: Readonly<Record<string, number>>;
}

/**
 * The inner loop of a learner on one task, watched: what it says of support and queries before the first step and after
 * each, and how far it has moved each parameter. The loss of the support is what the steps descend; the queries are what
 * they are for.
 *
 * @param values of the learner's variables
 * @returns one entry for each of 0, 1, …, `steps` inner steps
 * @throws OptionError for steps that there cannot be
 * @example
 * const trace = await traceInnerLoop(network, learner, values, episodes.draw(shape, ['trace']), { runtime });
 * console.log(trace.map(({ query }) => query.accuracy));
 */
export async function traceInnerLoop(
  network: Network,
  learner: GradientLearner | ReptileLearner,
  values: Tensors,
  episode: Episode,
  { runtime, steps = learner.innerSteps }: InnerTraceOptions,
): Promise<InnerStep[]> {
  if (!Number.isInteger(steps) || steps < 0)
    throw new OptionError({ option: 'steps', expected: 'a whole number from 0 on', received: steps });
  const [support, queries] = [episode.support.shape[0]!, episode.query.shape[0]!];
  const graph = traceGraph(network, learner, { way: episode.classes.length, support, queries }, steps);
  const program = await runtime.compile(graph);
  const results = await program.run({ ...values, ...feedsOfEpisode(episode) }).finally(() => program.release());
  const at = (name: string, step: number) => Number(results[name]!.data[step]);
  const parameters = Object.keys(graph).flatMap((name) => (name.startsWith(distanceName('')) ? [name] : []));
  return Array.from({ length: steps + 1 }, (_, step) => ({
    step,
    support: {
      loss: at(taskNames.supportLosses, step),
      accuracy: at(taskNames.supportCorrect, step) / support,
      probabilities: rowsOf(results[taskNames.supportProbabilities]!, step),
    },
    query: {
      loss: at(taskNames.losses, step),
      accuracy: at(taskNames.correct, step) / queries,
      probabilities: rowsOf(results[taskNames.queryProbabilities]!, step),
    },
    distances: Object.fromEntries(parameters.map((name) => [name.slice(distanceName('').length), at(name, step)])),
  }));
}

/** The rows of one step of (steps, rows, columns). */
function rowsOf({ shape, data }: Tensor, step: number): number[][] {
  const [, rows, columns] = shape as readonly [number, number, number];
  return Array.from({ length: rows }, (_, row) => {
    const from = (step * rows + row) * columns;
    return Array.from(data.subarray(from, from + columns), Number);
  });
}
