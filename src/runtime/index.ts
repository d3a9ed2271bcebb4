export type { Backend, Device } from './backend.ts';
export { Program, scalar } from './program.ts';
export { Runtime, type RuntimeOptions } from './runtime.ts';
export { copy, State } from './state.ts';
export type { ChoiceStore, Choices, TuningEvent } from './tuning.ts';
