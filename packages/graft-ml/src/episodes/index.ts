export { augmentedSource } from '@graft-ml/core/internal/meta/augmented';
export type { Episode, EpisodeShape, EpisodeSource } from '@graft-ml/core/internal/meta/episode';
export type { EpisodeHeader, EpisodeSets } from '@graft-ml/core/internal/runs/episode-sets';
export type { SideCounts } from '@graft-ml/core/internal/runs/meta-run';
export type { EpisodeOptions } from './episode.ts';
export { oneShotTrials } from './one-shot-trials.ts';
export { openEpisodes } from './open-episodes.ts';
