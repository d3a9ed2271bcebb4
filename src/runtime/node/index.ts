export { createRuntime, type NodeRuntimeOptions } from './create.ts';
export { createSession, loadOrt, ortVersion } from './ort.ts';
export { openProgramPool, type ProgramPoolOptions } from './program-pool.ts';
