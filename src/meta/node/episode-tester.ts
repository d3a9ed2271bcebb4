import type { Tensors } from '../../base/tensor.ts';
import type { Episode, EpisodeShape } from '../../data/index.ts';
import type { Runtime } from '../../runtime/index.ts';
import { resultNames } from '../../train/index.ts';
import type { ResolvedMetaConfig } from '../config/index.ts';
import type { LearnerParts } from '../config/make-learner.ts';
import { feedsOfEpisode, taskShape } from '../meta-course.ts';
import { learnerVariables, taskNames, testGraph } from '../task-graph.ts';
import { isBaseline, openBaselineTester } from './baseline.ts';
import { sideBySide } from './prepare-meta.ts';

/** How a learner did on the queries of one episode, after 0, 1, … inner steps. */
export interface EpisodeResult {
  readonly correct: readonly number[];
  /** Mean cross entropies. */
  readonly losses: readonly number[];
}

/** Runs a learner on episodes of one shape. */
export interface EpisodeTester {
  test(episodes: readonly Episode[]): Promise<EpisodeResult[]>;
  close(): Promise<void>;
}

export interface TesterOptions {
  readonly config: Pick<ResolvedMetaConfig, 'learner'>;
  readonly shape: EpisodeShape;
  /** Inner steps. */
  readonly steps: number;
  readonly runtime: Runtime;
  readonly threads: number;
}

/** A learner with these values on episodes, as many side by side as there are threads. */
export async function openTester(
  { network, learner }: LearnerParts,
  values: Tensors,
  options: TesterOptions,
): Promise<EpisodeTester> {
  const { shape, steps, runtime, threads } = options;
  if (isBaseline(options.config.learner)) return openBaselineTester(network, values, options);
  const graph = testGraph(network, learner, taskShape(shape), steps);
  const program = await sideBySide(threads)(graph, learnerVariables(network, learner).keys(), runtime);
  return {
    async test(episodes) {
      const results = await program.runAll(values, episodes.map(feedsOfEpisode));
      return results.map((result) => ({
        correct: Array.from(result[resultNames.correct]!.data, Number),
        losses: Array.from(result[taskNames.losses]!.data, Number),
      }));
    },
    close: () => program.release(),
  };
}
