/**
 * Graft in a browser: its runtime on onnxruntime-web, and the browser's decoder. The library itself is `@graft-ml/core`.
 *
 * @module @graft-ml/web
 */
export { canvasDecoder } from './image/canvas-decoder.ts';
export { createRuntime, type WebRuntimeOptions } from './runtime/index.ts';
export type { WasmFiles } from './runtime/ort.ts';
