import type { Tensor } from '@graft-ml/core/internal/base/tensor';

/** Weights as they were found, under the names that models of today have. */
export interface WeightsFile {
  /** Without a prototype, so that any name is an ordinary name. */
  readonly tensors: Record<string, Tensor>;
  /** Texts that the file has beside its tensors. */
  readonly metadata: Record<string, string>;
  readonly format: 'safetensors' | 'sharded' | 'pytorch-zip' | 'pytorch-legacy';
  /** Notes on tensors that were chosen, left out or renamed, a sentence each. */
  readonly notes: readonly string[];
}
