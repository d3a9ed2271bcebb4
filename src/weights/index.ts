export {
  cachePath,
  type DownloadProgress,
  type FetchedWeights,
  type FetchOptions,
  fetchWeights,
  type Patience,
} from './download/index.ts';
export { readSafetensorsFile, writeSafetensorsFile } from './files.ts';
export { type ExpectedTensor, type MatchOptions, matchWeights } from './match.ts';
export { readSafetensors, type Safetensors, writeSafetensors } from './safetensors.ts';
export { readWeightsFile, type WeightsFile } from './weights-file.ts';
