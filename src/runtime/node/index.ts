export { builtWorker } from '../../files/built-worker.ts';
export { cacheFolder } from './choice-store.ts';
export { createRuntime, type NodeRuntimeOptions } from './create.ts';
export { packageFile } from '../../files/package-file.ts';
export { openProgramPool, type ProgramPoolOptions } from './program-pool.ts';
