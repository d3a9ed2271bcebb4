import type { EncodedGraph } from '@graft-ml/core/graph';
import type { Tensor, Tensors, TensorType } from '@graft-ml/core/internal/base/tensor';

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

/** The memory of a tensor. */
export function bytesOf({ data }: Tensor): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
