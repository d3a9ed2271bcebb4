import type { EncodedGraph } from '@graft-ml/core/graph';
import type { Tensor, Tensors, TensorType } from '@graft-ml/core/internal/base/tensor';
import type { GatheringThreadOptions } from '@graft-ml/core/internal/runtime/gathering';
import type { InferenceSession } from 'onnxruntime-common';

/** A tensor in memory that all threads see. */
export interface SharedTensor {
  readonly type: TensorType;
  readonly bytes: Uint8Array;
}

/** The data that a thread of a program gets when it starts. */
export interface ProgramThreadData {
  readonly graph: EncodedGraph;
  readonly shared: Readonly<Record<string, SharedTensor>>;
  /** Of the session. */
  readonly threads: number;
  /** For kernels that are timed: the number of sessions, and of those that have been told to end it. */
  readonly timing: { readonly sessions: number; readonly ended: Int32Array } | null;
}

/** One run of the program. `version` is another one when what is shared has changed. */
export interface ProgramCall {
  readonly version: number;
  readonly feeds: Tensors;
}

/** The data that a thread gets when it starts whose program adds up (`gathering-thread.ts`). */
export interface GatheringThreadData extends GatheringThreadOptions {
  readonly graph: EncodedGraph;
  /** Of the session. */
  readonly threads: number;
  /** Further options of the session. */
  readonly options: InferenceSession.SessionOptions;
}

/** The memory of both goes to the thread, and comes back with its result. */
export interface MovedTensors {
  /** The inputs that are the same for all feeds. */
  readonly values: Record<string, Tensor>;
  readonly sums: Record<string, Tensor>;
}

/** One call: the feeds that are added up. */
export interface GatheringCall extends MovedTensors {
  readonly feeds: readonly Tensors[];
}

/** The other outputs for each set of feeds, beside the tensors that go back. */
export interface GatheringResult extends MovedTensors {
  readonly results: readonly Tensors[];
}

/** The memory to be moved of tensors, each of which has a buffer of its own. */
export function buffersOf(...all: readonly Tensors[]): ArrayBuffer[] {
  const buffers = all.flatMap((tensors) => Object.values(tensors).map(({ data }) => data.buffer));
  return buffers.filter((buffer) => buffer instanceof ArrayBuffer);
}

/** Types alone: what the encoder gives may be values of a graph, which cannot be sent to a thread. */
export function sendable({ model, inputs, outputs }: EncodedGraph): EncodedGraph {
  return { model, inputs: typesOf(inputs), outputs: typesOf(outputs) };
}

function typesOf(types: EncodedGraph['inputs']): EncodedGraph['inputs'] {
  return new Map([...types].map(([name, { dtype, shape }]) => [name, { dtype, shape }]));
}

/** The memory of a tensor. */
export function bytesOf({ data }: Tensor): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
