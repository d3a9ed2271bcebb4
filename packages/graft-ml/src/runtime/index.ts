export { createRuntime, type NodeRuntimeOptions } from './create.ts';
export { type ChosenDevice, chooseDevice, type DeviceName } from './devices.ts';
export { inspectMachine, type KernelChoice, type Machine, type Renewed, renewChoices } from './machine.ts';
export { createSession, loadOrt, ortVersion } from './ort.ts';
export { openProgramPool, type ProgramPoolOptions } from './program-pool.ts';
