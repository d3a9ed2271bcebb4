/**
 * Weights as tensors by name: files, published weights and their downloads, and matching them with the parameters of a
 * model.
 *
 * @module graft-ml/weights
 */
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
