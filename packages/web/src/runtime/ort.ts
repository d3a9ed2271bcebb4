/*
 * The one door to onnxruntime-web. A build of it is loaded when it is first needed, and by an import of its own: its
 * threads load the script that it is in once more, so bundlers must leave it in a file with nothing else.
 */
import { OptionError } from '@graft-ml/core/internal/base/errors';

export type Ort = typeof import('onnxruntime-web/wasm');

/** The location of onnxruntime-web's WebAssembly. By default it is beside the script, where bundlers put it. */
export interface WasmFiles {
  /**
   * The folder of `ort-wasm-simd-threaded.wasm` (for `webgpu` `ort-wasm-simd-threaded.asyncify.wasm`), as an address
   * that ends with a slash, or the address of each file.
   */
  readonly wasmPaths?: string | { readonly wasm?: string; readonly mjs?: string } | undefined;
  /** The content of that file. */
  readonly wasmBinary?: ArrayBuffer | Uint8Array<ArrayBuffer> | undefined;
}

export interface OrtSettings extends WasmFiles {
  readonly threads: number;
}

/** The number of threads that onnxruntime-web itself takes, where a page can have threads at all. */
export function defaultThreads(): number {
  return globalThis.crossOriginIsolated ? Math.min(4, Math.ceil(navigator.hardwareConcurrency / 2)) : 1;
}

/** Milliseconds, in which 14 MB of WebAssembly are to be fetched and threads to be started. */
const patience = 120_000;

/** A build of onnxruntime-web, which is set up and loaded once per page or worker. */
export interface OrtBuild {
  /** The name of its WebAssembly file. */
  readonly file: string;
  /**
   * Says how it is to be loaded. What is left open stays as it was said before.
   *
   * @throws OptionError where there cannot be so many threads, and where something else was said before
   */
  setUp(wanted: OrtSettings): void;
  /** The library, set up. */
  load(): Promise<Ort>;
}

/** ORT's processor kernels alone: the build that everything but a GPU is for. */
export const wasmBuild = ortBuild('ort-wasm-simd-threaded.wasm', () => import('onnxruntime-web/wasm'));

export function ortBuild(file: string, imported: () => Promise<Ort>): OrtBuild {
  let settings: OrtSettings | undefined;
  let loading: Promise<Ort> | undefined;
  return {
    file,
    setUp(wanted) {
      assertThreads(wanted.threads);
      settings ??= wanted;
      assertSame(wanted, settings);
    },
    load() {
      loading ??= imported().then((ort) => configured(ort, settings ?? { threads: 1 }));
      return loading;
    },
  };
}

function assertThreads(threads: number): void {
  if (!Number.isInteger(threads) || threads < 1) {
    throw new OptionError({ option: 'threads', expected: 'a whole number from 1 on', received: threads });
  }
  if (threads > 1 && !globalThis.crossOriginIsolated) {
    const problem =
      ` is ${threads}, and more than one needs shared memory, which a page has that is served with the headers ` +
      'Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp. Without them ' +
      'leave it out.';
    throw new OptionError({ option: 'threads', expected: '1', received: threads, problem });
  }
}

function assertSame(wanted: OrtSettings, settings: OrtSettings): void {
  for (const option of ['threads', 'wasmPaths', 'wasmBinary'] as const) {
    const [now, before] = [wanted[option], settings[option]];
    const isSame = now === before || (option === 'wasmPaths' && JSON.stringify(now) === JSON.stringify(before));
    if (now === undefined || isSame) continue;
    const problem =
      ' is not what onnxruntime-web was set up with here. All runtimes of a page or worker have the same ' +
      '`threads`, `wasmPaths` and `wasmBinary`, those of the first; a worker of its own can have others.';
    throw new OptionError({ option, expected: 'that of the first runtime', received: now, problem });
  }
}

function configured(ort: Ort, { threads, wasmPaths, wasmBinary }: OrtSettings): Ort {
  const { wasm } = ort.env;
  wasm.numThreads = threads;
  // Threads whose script does not begin as theirs never answer, and a page would wait for ever.
  if (threads > 1) wasm.initTimeout = patience;
  if (wasmPaths !== undefined) wasm.wasmPaths = wasmPaths;
  if (wasmBinary !== undefined) wasm.wasmBinary = wasmBinary;
  return ort;
}
