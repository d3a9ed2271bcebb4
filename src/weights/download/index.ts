export { cachePath } from './cache.ts';
export type { Patience } from './download.ts';
export { type DownloadProgress, type FetchedWeights, type FetchOptions, fetchWeights } from './fetch-weights.ts';
