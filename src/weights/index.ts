export { classNames } from './class-names.ts';
export {
  type Checksum,
  cachePath,
  type DownloadProgress,
  digestOf,
  type FetchedWeights,
  type FetchOptions,
  fetchFile,
  fetchWeights,
  type Patience,
  type PublishedFile,
} from '../files/download/index.ts';
export { readSafetensorsFile, replaceFile, writeSafetensorsFile } from './safetensors-file.ts';
export type { WeightsFile } from './found-weights.ts';
export { type ExpectedTensor, type MatchOptions, matchWeights } from './match.ts';
export { type WeightsEntry, weightsEntrySchema } from './registry/entry.ts';
export { listModels } from './registry/list.ts';
export { entriesOf, entryNamed, pretrainedConfig, publishedAs, weightsEntries } from './registry/lookup.ts';
export { type ResolvedWeights, type ResolveOptions, resolveWeights } from './resolve.ts';
export { readSafetensors, type Safetensors, writeSafetensors } from './safetensors.ts';
export { mapNames } from './timm-names.ts';
export { readWeightsFile } from './weights-file.ts';
