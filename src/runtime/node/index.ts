export { builtWorker } from './built-worker.ts';
export { cacheFolder } from './cache.ts';
export { createRuntime, type NodeRuntimeOptions } from './create.ts';
export { packageFile } from './package-file.ts';
export { openProgramPool, type ProgramPoolOptions } from './program-pool.ts';
