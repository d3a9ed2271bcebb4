export { cacheFolder } from './cache.ts';
export { createRuntime, type NodeRuntimeOptions } from './create.ts';
