export { createRuntime, type NodeRuntimeOptions } from './create.ts';
export { openProgramPool, type ProgramPoolOptions } from './program-pool.ts';
