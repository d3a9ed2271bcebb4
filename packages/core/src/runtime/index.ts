export { Agreement, type Reference } from './agreement.ts';
export type { Backend, Device, KernelTime, Overwriting, ThreadPair, TimedRun, TimedSession } from './backend.ts';
export {
  bothSessions,
  type Gathered,
  type GatheringOutputs,
  type GatheringProgram,
  type GatheringThread,
  type GatheringThreadOptions,
  gatheringAlone,
  gatheringPair,
} from './gathering.ts';
export { inSequence, type ParallelProgram } from './parallel.ts';
export { formatPlacements, type Placement } from './placement.ts';
export { Program, scalar } from './program.ts';
export { Runtime, type RuntimeOptions } from './runtime.ts';
export { copy, State, type StepProgram } from './state.ts';
export type { ChoiceStore, Choices, TuningEvent } from './tuning.ts';
