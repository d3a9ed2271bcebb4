import type { TensorOf } from '@graft-ml/core/internal/base/tensor';
import type { Episode, EpisodeShape } from '@graft-ml/core/internal/meta/episode';
import type { CompileTasks } from '@graft-ml/core/internal/meta/meta-course';
import type { ResolvedMetaConfig } from '@graft-ml/core/internal/recipe/meta/index';
import type { Runtime } from '@graft-ml/core/runtime';

/** The result of a learner on the queries of one episode, after 0, 1, … inner steps. */
export interface EpisodeResult {
  readonly correct: readonly number[];
  /** Mean cross entropies. */
  readonly losses: readonly number[];
  /** (queries, way), after the last inner step. */
  readonly logits: TensorOf<'f32'>;
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
  readonly parallel: CompileTasks;
}
