import { createHash } from 'node:crypto';
import { formatType, type Tensors } from '@graft-ml/core/internal/base/tensor';

/** SHA-256 over names, types and numbers, whatever their order. */
export function tensorsHash(tensors: Tensors): string {
  const hash = createHash('sha256');
  for (const name of Object.keys(tensors).sort()) {
    const value = tensors[name]!;
    hash.update(`${name} ${formatType(value)}\n`);
    hash.update(new Uint8Array(value.data.buffer, value.data.byteOffset, value.data.byteLength));
  }
  return hash.digest('hex');
}
