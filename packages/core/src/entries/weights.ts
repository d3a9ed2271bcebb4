/**
 * Weights as tensors by name: safetensors, timm's names, and matching a file with the parameters of a model.
 *
 * @module @graft-ml/core/weights
 */
export {
  averageTensors,
  type ExpectedTensor,
  type Ingredient,
  type MatchOptions,
  mapNames,
  matchWeights,
  readSafetensors,
  type Safetensors,
  writeSafetensors,
} from '../weights/index.ts';
