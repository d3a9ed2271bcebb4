/**
 * Weights as tensors by name: safetensors, timm's names, and matching a file with the parameters of a model.
 *
 * @module @graft-ml/core/weights
 */
export {
  type ExpectedTensor,
  type MatchOptions,
  mapNames,
  matchWeights,
  readSafetensors,
  type Safetensors,
  writeSafetensors,
} from '../weights/index.ts';
