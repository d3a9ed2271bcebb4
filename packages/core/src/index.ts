/*
 * Tensors, seeded random numbers and errors, which every entry speaks of. The other entries: `graph`, `ops` and `grad` write programs and
 * differentiate them, `runtime` runs them, `nn`, `models`, `weights` and `optim` are networks and what trains them, `data` is images,
 * `fit`, `train` and `meta` are training loops, `predict` is measuring. `internal/*` is for the packages of Graft and makes no promise.
 */
export {
  type DType,
  type DTypeArrays,
  f32,
  i64,
  numbersOf,
  OptionError,
  type RandomStream,
  randomStream,
  type Shape,
  ShapeError,
  type Tensor,
  type TensorOf,
  type Tensors,
  type TensorType,
  tensor,
  UserError,
  version,
  zeros,
} from './base/index.ts';
