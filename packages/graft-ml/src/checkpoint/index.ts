export { withLayers } from '@graft-ml/core/internal/models/with-layers';
export type { Backbone } from '@graft-ml/core/internal/runs/prepared';
export {
  allVariables,
  type Checkpoint,
  checkpointOf,
  describeCheckpoint,
  imagesIn,
  outputsOf,
  runSeenSchema,
  seenIn,
  weightsFor,
} from '@graft-ml/core/internal/weights/checkpoint';
export { DamageError, writeSealed } from '@graft-ml/core/internal/weights/sealed';
export { type BackboneOptions, openBackbone } from './backbone.ts';
export { classNames, namesFor } from './class-names.ts';
export { cachePath, type FetchedWeights, fetchWeights } from './fetch-weights.ts';
export { type OnnxBytes, readOnnxFile } from './onnx-file.ts';
export { readCheckpoint } from './read-checkpoint.ts';
export { type ReadyModel, type ReadyModelOptions, readyModel } from './ready-model.ts';
export { type ResolvedWeights, type ResolveOptions, resolveWeights } from './resolve.ts';
export { readSafetensorsFile, writeSafetensorsFile } from './safetensors-file.ts';
export { readWeightsFile, type WeightsFile } from './weights-file.ts';
