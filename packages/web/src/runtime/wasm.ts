import { UserError } from '@graft-ml/core/internal/base/errors';
import { env } from 'onnxruntime-web/wasm';

/** Where onnxruntime-web's WebAssembly comes from. By default it lies beside the script, where bundlers put it. */
export interface WasmFiles {
  /** The folder of `ort-wasm-simd-threaded.wasm`, as an address that ends with a slash, or the address of each file. */
  readonly wasmPaths?: string | { readonly wasm?: string; readonly mjs?: string } | undefined;
  /** The content of that file. */
  readonly wasmBinary?: ArrayBuffer | Uint8Array<ArrayBuffer> | undefined;
}

/** What onnxruntime-web itself takes, where a page can have threads at all. */
export function defaultThreads(): number {
  return globalThis.crossOriginIsolated ? Math.min(4, Math.ceil(navigator.hardwareConcurrency / 2)) : 1;
}

let threadsOfPage: number | undefined;

/** Settings of onnxruntime-web, which takes them once. @throws UserError where they cannot be had */
export function setUpWasm(threads: number, { wasmPaths, wasmBinary }: WasmFiles): void {
  if (!Number.isInteger(threads) || threads < 1) {
    throw new UserError(`createRuntime: threads is ${threads}. Expected a whole number from 1 on.`);
  }
  if (threads > 1 && !globalThis.crossOriginIsolated) {
    throw new UserError(
      `createRuntime: ${threads} threads need shared memory, which a page has that is served with the headers ` +
        'Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp. Without them leave threads out.',
    );
  }
  const { wasm } = env;
  const isOther =
    threadsOfPage !== undefined &&
    (threads !== threadsOfPage ||
      (wasmPaths !== undefined && wasmPaths !== wasm.wasmPaths) ||
      (wasmBinary !== undefined && wasmBinary !== wasm.wasmBinary));
  if (isOther) {
    throw new UserError(
      `createRuntime: onnxruntime-web is already set up here, with ${threadsOfPage} thread${threadsOfPage === 1 ? '' : 's'}. All ` +
        'runtimes of a page or worker share threads, wasmPaths and wasmBinary; a worker of its own can have others.',
    );
  }
  threadsOfPage = threads;
  wasm.numThreads = threads;
  if (wasmPaths !== undefined) wasm.wasmPaths = wasmPaths;
  if (wasmBinary !== undefined) wasm.wasmBinary = wasmBinary;
}
