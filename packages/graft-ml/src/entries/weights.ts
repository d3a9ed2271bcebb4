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
