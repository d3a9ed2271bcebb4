/**
 * Running graphs: compile once per shape, then feed tensors. A backend says what runs them.
 *
 * @module @graft-ml/core/runtime
 */
export type {
  ConstantsInPlace,
  KernelTime,
  LoadSession,
  Overwriting,
  Session,
  SessionPlace,
  ThreadPair,
  TimedRun,
  TimedSession,
  WrapTensor,
} from '../runtime/backend.ts';
export {
  Agreement,
  type Backend,
  type ChoiceStore,
  type Choices,
  copy,
  type Device,
  formatPlacements,
  type Gathered,
  type GatheringThread,
  type GatheringThreadOptions,
  type ParallelProgram,
  type Placement,
  Program,
  type Reference,
  Runtime,
  type RuntimeOptions,
  State,
  type StepProgram,
  scalar,
  type TuningEvent,
} from '../runtime/index.ts';
export type { ShippedChoices } from '../runtime/tuning.ts';
