export type { Episode, EpisodeShape, EpisodeSource } from '@graft-ml/core/internal/meta/episode';
export type { SideCounts } from '@graft-ml/core/internal/runs/meta-run';
export { augmentedSource } from './augmented.ts';
export type { EpisodeHeader, EpisodeOptions, EpisodeSets } from './episode.ts';
export { oneShotTrials } from './one-shot-trials.ts';
export { openEpisodes } from './open-episodes.ts';
