/* Graft in a browser: its runtime on onnxruntime-web. The library itself is `@graft-ml/core`. */
export { createRuntime, type WebRuntimeOptions } from './runtime/index.ts';
export type { WasmFiles } from './runtime/ort.ts';
