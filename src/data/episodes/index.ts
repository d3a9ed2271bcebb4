export { augmentedSource } from './augmented.ts';
export type {
  Episode,
  EpisodeHeader,
  EpisodeOptions,
  EpisodeSets,
  EpisodeShape,
  EpisodeSource,
  SideCounts,
} from './episode.ts';
export { oneShotTrials } from './one-shot-trials.ts';
export { openEpisodes } from './open-episodes.ts';
