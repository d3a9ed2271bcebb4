import type { Tensor as OrtTensor, TensorConstructor } from 'onnxruntime-common';
import type { Tensor } from '../base/tensor.ts';
import type { EncodedGraph, Features, TensorWriter, Value } from '../graph/index.ts';
import type { GatheringThread, GatheringThreadOptions } from './gathering.ts';

/**
 * A device that runs graphs: `cpu` is ORT's CPU kernels in Node, `wasm` the same kernels in WebAssembly, `webgpu` a GPU
 * by ORT's WebGPU kernels in Node or a browser, `cuda` NVIDIA's by its CUDA kernels in Node.
 */
export type Device = 'cpu' | 'wasm' | 'webgpu' | 'cuda';

/** An ORT session, as far as a program uses it. */
export interface Session {
  /** Runs the model and writes every output of `fetches` into that tensor's memory. */
  run(feeds: Readonly<Record<string, OrtTensor>>, fetches: Readonly<Record<string, OrtTensor>>): Promise<unknown>;
  release(): Promise<void>;
}

/** A kernel's turn in a run. */
export interface KernelTime {
  /** The name of its node; what the runtime itself added may have any. */
  readonly node: string;
  /** The ONNX operator. */
  readonly operator: string;
  /** Milliseconds from the beginning of the run. */
  readonly start: number;
  readonly milliseconds: number;
}

/** A run of a session whose kernels are timed. */
export interface TimedRun {
  /** Milliseconds since 1970. */
  readonly start: number;
  readonly milliseconds: number;
  readonly kernels: readonly KernelTime[];
}

/** A session whose kernels are timed until that is ended; it computes the same as any other. */
export interface TimedSession extends Session {
  /** Ends the timing and gives the runs so far in their order. To be asked for once. */
  endTiming(): Promise<readonly TimedRun[]>;
}

/** Where the nodes of a model may run, on a device beside the CPU. */
export interface SessionPlace {
  /** The names of nodes that run on the CPU. Default: none. */
  readonly onCpu?: readonly string[] | undefined;
  /** Whether a node that the device would leave to the CPU by itself is an error. Default: it is not. */
  readonly deviceOnly?: boolean;
}

/** Outputs that a run may write over the inputs of the same names. */
export interface Overwriting {
  /** What is to be compiled: the same numbers, in an order in which no input is read after it was written over. */
  readonly outputs: Readonly<Record<string, Value>>;
  readonly overwritten: ReadonlySet<string>;
}

/** The constants of a model whose large ones stay where they are: a session reads them there, while it is opened. */
export interface ConstantsInPlace {
  /** Writes the constants of the model. */
  readonly writeTensor: TensorWriter;
  /** A session for the model with these constants. The caller releases it. */
  load(model: Uint8Array): Promise<Session>;
}

/** How a backend makes sessions. */
export interface LoadSession {
  /** A session for a model. The caller releases it. `place` is for devices beside the CPU. */
  (model: Uint8Array, place?: SessionPlace): Promise<Session>;
  /**
   * For the constants of one model. Absent: a model has copies of them. What wraps another backend's `load` has this
   * only if it says so.
   */
  readonly constantsInPlace?: () => ConstantsInPlace;
}

/** Two sessions side by side, each with half of the threads. */
export interface ThreadPair {
  /** A session of the thread that asks for it. The caller releases it. */
  load(model: Uint8Array): Promise<Session>;
  /** The same, with kernels that are timed. */
  loadTimed(model: Uint8Array): Promise<TimedSession>;
  /** A session in a thread of its own. The caller releases it. */
  open(graph: EncodedGraph, options: GatheringThreadOptions): Promise<GatheringThread>;
}

/**
 * One ORT build on one device: the only thing that differs between Node and the browser, between CPU and GPU.
 * A new device is one file that makes a `Backend`.
 */
export interface Backend {
  readonly device: Device;
  /** Whether a session has the CPU's kernels beside those of the device. Default: the CPU is the device. */
  readonly isBesideCpu?: boolean;
  /**
   * A key of everything that timings depend on (device, processor, threads, ORT's version): timings are never carried
   * over to another.
   */
  readonly identity: string;
  /** Threads inside one operator. */
  readonly threads: number;
  readonly load: LoadSession;
  /** A session of so many threads that leaves the processor to others as soon as a run ends. The caller releases it. */
  loadForTiming(model: Uint8Array, threads: number): Promise<Session>;
  /** A session whose kernels are timed. The caller releases it. Absent where kernels cannot be timed. */
  loadTimed?(model: Uint8Array): Promise<TimedSession>;
  /** Absent where threads cannot be halved. */
  readonly pair?: ThreadPair | undefined;
  /**
   * Milliseconds of processor time spent so far, by the thread that runs a session of one thread. Absent where it
   * cannot be measured.
   */
  processorTime?(): number;
  /** What of a program's state it may write where it reads it. Absent: nothing. */
  overwriting?(outputs: Readonly<Record<string, Value>>): Overwriting;
  /** How many of so many rows `Runtime.rowsAtOnce` takes. Absent: 16. */
  rowsAtOnce?(count: number, graph: (rows: number) => Value): number;
  readonly wrap: WrapTensor;
  /** The kernels that this build has beyond the common ones; found out once. */
  features(): Promise<Features>;
}

/** The tensor as ORT takes it, over the same memory. */
export type WrapTensor = (tensor: Tensor) => OrtTensor;

/** ORT's names of our element types. */
const ortType = { f32: 'float32', f64: 'float64', i32: 'int32', i64: 'int64', u8: 'uint8', bool: 'bool' } as const;

/**
 * Wraps by the constructor of the ORT build in question: a tensor of another build is not recognised. There is one
 * wrapper per buffer, because a step feeds hundreds of tensors and they are the same ones every second step.
 */
export function wrapWith(OrtTensorOfBuild: TensorConstructor): WrapTensor {
  const wrappers = new WeakMap<Tensor, OrtTensor>();
  return (tensor) => {
    let wrapper = wrappers.get(tensor);
    if (!wrapper) {
      const data = tensor.data as OrtTensor.DataTypeMap[OrtTensor.Type];
      wrapper = new OrtTensorOfBuild(ortType[tensor.dtype], data, tensor.shape);
      wrappers.set(tensor, wrapper);
    }
    return wrapper;
  };
}
