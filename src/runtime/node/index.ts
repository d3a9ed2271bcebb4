export { createRuntime, type NodeRuntimeOptions } from './create.ts';
export { createSession, OrtTensor, ortVersion } from './ort.ts';
export { openProgramPool, type ProgramPoolOptions } from './program-pool.ts';
