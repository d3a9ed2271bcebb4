/**
 * Running graphs: compile once per shape, then feed tensors. A backend says what runs them.
 *
 * @module @graft-ml/core/runtime
 */
export type { Session, WrapTensor } from '../runtime/backend.ts';
export {
  type Backend,
  type ChoiceStore,
  type Choices,
  copy,
  type Device,
  type ParallelProgram,
  Program,
  Runtime,
  type RuntimeOptions,
  State,
  scalar,
  type TuningEvent,
} from '../runtime/index.ts';
export type { ShippedChoices } from '../runtime/tuning.ts';
