export type { Episode, EpisodeShape, EpisodeSource } from '@graft-ml/core/internal/meta/episode';
export { augmentedSource } from './augmented.ts';
export type { EpisodeHeader, EpisodeOptions, EpisodeSets, SideCounts } from './episode.ts';
export { oneShotTrials } from './one-shot-trials.ts';
export { openEpisodes } from './open-episodes.ts';
