/**
 * Graft in a browser: its runtime on onnxruntime-web, its images, its files. The library itself is `@graft-ml/core`.
 *
 * @module @graft-ml/web
 */
export { canvasDecoder } from './image/canvas-decoder.ts';
export { type CheckpointFolderOptions, checkpointFolder, type FitFiles } from './runs/checkpoint-folder.ts';
export { privateRuns } from './runs/private-runs.ts';
export { createRuntime, type WebRuntimeOptions } from './runtime/index.ts';
export type { WasmFiles } from './runtime/ort.ts';
