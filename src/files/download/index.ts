export { type Checksum, cachePath, digestOf } from '../checksum.ts';
export type { Patience } from './download.ts';
export { type DownloadProgress, type FetchOptions, fetchFile, type PublishedFile } from './fetch-file.ts';
export { type FetchedWeights, fetchWeights } from '../../weights/fetch-weights.ts';
