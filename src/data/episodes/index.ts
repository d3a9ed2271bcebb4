export type {
  Episode,
  EpisodeHeader,
  EpisodeOptions,
  EpisodeSets,
  EpisodeShape,
  EpisodeSource,
  SideCounts,
} from './episode.ts';
