export * from '@graft-ml/core/weights';
export {
  type FetchedWeights,
  fetchWeights,
  type ResolvedWeights,
  type ResolveOptions,
  readSafetensorsFile,
  readWeightsFile,
  resolveWeights,
  type WeightsFile,
  writeSafetensorsFile,
} from '../checkpoint/index.ts';
export type { Patience } from '../files/download/download.ts';
export type { DownloadProgress, FetchOptions } from '../files/download/fetch-file.ts';
export type { OpenOptions } from '../files/read.ts';
