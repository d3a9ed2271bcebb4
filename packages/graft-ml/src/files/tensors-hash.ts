import { createHash } from 'node:crypto';
import type { Hasher } from '@graft-ml/core/internal/base/sha256';
import type { Tensors } from '@graft-ml/core/internal/base/tensor';
import * as core from '@graft-ml/core/internal/weights/tensors-hash';

/** SHA-256 as Node has it, ten times as fast as in JavaScript. */
export const nativeHash = (): Hasher => createHash('sha256');

/** SHA-256 over names, types and numbers, whatever their order. */
export function tensorsHash(tensors: Tensors): string {
  return core.tensorsHash(tensors, nativeHash());
}
