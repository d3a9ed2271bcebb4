import type { TensorOf, Tensors } from '@graft-ml/core/internal/base/tensor';
import { openBaselineTester } from '@graft-ml/core/internal/meta/baselines/features';
import type { EpisodeTester, TesterOptions } from '@graft-ml/core/internal/meta/episode-tester';
import { learners } from '@graft-ml/core/internal/meta/learners';
import { feedsOfEpisode, taskShape } from '@graft-ml/core/internal/meta/meta-course';
import { learnerVariables, taskNames, testGraph } from '@graft-ml/core/internal/meta/task-graph';
import type { LearnerParts } from '@graft-ml/core/internal/recipe/meta/make-learner';

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
  const program = await parallel(graph, learnerVariables(network, learner).keys(), runtime);
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
