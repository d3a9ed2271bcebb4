import { inFile, UserError } from '@graft-ml/core/internal/base/errors';
import type { Tensors } from '@graft-ml/core/internal/base/tensor';
import { type Safetensors, writeSafetensors } from '@graft-ml/core/internal/weights/safetensors';
import { readSealed } from '@graft-ml/core/internal/weights/sealed';
import { withFile } from '../files/random-access.ts';
import { type OpenOptions, systemReason } from '../files/read.ts';
import { replaceFile } from '../files/write.ts';

/**
 * The safetensors file at `path`, whose checksum is compared where it has one. @throws UserError with the path, where
 * it cannot be read or is not a sound file.
 */
export async function readSafetensorsFile(path: string, options: OpenOptions = {}): Promise<Safetensors> {
  return withFile(path, (file) => inFile(path, async () => readSealed(await file.read(0, file.size))), options);
}

/**
 * Writes `tensors` to `path`, wholly or not at all. @throws UserError with the path.
 */
export async function writeSafetensorsFile(
  path: string,
  tensors: Tensors,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await replaceFile(path, writeSafetensors(tensors, metadata)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === undefined) throw error;
    const reason = error.code === 'ENOENT' ? 'its folder does not exist' : systemReason(error);
    throw new UserError(`Cannot write ${path}: ${reason}.`, { cause: error });
  });
}
