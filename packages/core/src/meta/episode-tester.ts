import type { TensorOf } from '../base/tensor.ts';
import type { Runtime } from '../runtime/index.ts';
import type { Episode, EpisodeShape } from './episode.ts';
import type { LearnerName } from './learners.ts';
import type { CompileTasks } from './task-program.ts';

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
  readonly config: { readonly learner: LearnerName };
  readonly shape: EpisodeShape;
  /** Inner steps. */
  readonly steps: number;
  readonly runtime: Runtime;
  readonly parallel: CompileTasks;
}
