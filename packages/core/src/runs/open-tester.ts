import type { TensorOf, Tensors } from '../base/tensor.ts';
import { openBaselineTester } from '../meta/baselines/features.ts';
import type { EpisodeTester, TesterOptions } from '../meta/episode-tester.ts';
import { learners } from '../meta/learners.ts';
import { taskShape } from '../meta/meta-course.ts';
import { learnerVariables, taskNames, testGraph } from '../meta/task-graph.ts';
import { feedsOfEpisode } from '../meta/task-program.ts';
import type { LearnerParts } from '../recipe/meta/make-learner.ts';

/** A learner with these values on episodes, as many side by side as there are threads. */
export async function openTester(
  { network, learner }: LearnerParts,
  values: Tensors,
  options: TesterOptions,
): Promise<EpisodeTester> {
  const { shape, steps, runtime, parallel } = options;
  const entry = learners[options.config.learner];
  if (entry.kind === 'baseline') return openBaselineTester(network, values, { ...options, baseline: entry });
  const graph = testGraph(network, learner, taskShape(shape), steps);
  const shared = learnerVariables(network, learner).keys();
  const program = await parallel(graph, { shared, runtime });
  return {
    async test(episodes) {
      const results = await program.runAll(values, episodes.map(feedsOfEpisode));
      return results.map((result) => ({
        correct: Array.from(result[taskNames.correct]!.data, Number),
        losses: Array.from(result[taskNames.losses]!.data, Number),
        logits: result[taskNames.logits] as TensorOf<'f32'>,
      }));
    },
    close: () => program.release(),
  };
}
