export { createRuntime, type WebRuntimeOptions } from './create.ts';
