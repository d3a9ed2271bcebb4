import { withCurrentNames } from '@graft-ml/core/internal/weights/rename';
import { inFile, type RandomAccessFile, withFile } from '../files/random-access.ts';
import type { OpenOptions } from '../files/read.ts';
import type { WeightsFile } from './found-weights.ts';
import { IDENTIFYING_BYTES, identify } from './identify.ts';
import { readPyTorch } from './pytorch/read.ts';
import { readSealed } from './sealed.ts';
import { readShards } from './shards.ts';

/**
 * The weights in the file at `path`: safetensors, the index of a sharded safetensors file, or what torch.save wrote.
 * Which of them it is, its content says; its name does not matter. Nothing in the file is trusted or run.
 *
 * @throws UserError with the path, what is wrong and what to do
 *
 * @example
 * const { tensors, notes } = await readWeightsFile('checkpoint.pth');
 */
export async function readWeightsFile(path: string, options: OpenOptions = {}): Promise<WeightsFile> {
  return withFile(path, readOpenWeights, options);
}

/** The same of a file that is open, or in memory. */
export function readOpenWeights(file: RandomAccessFile): Promise<WeightsFile> {
  return inFile(file.path, async () => {
    const found = await readByKind(file);
    // Graft's own files have today's names.
    if (found.metadata.format === 'graft') return found;
    const { tensors, notes } = withCurrentNames(found.tensors);
    return { ...found, tensors, notes: [...found.notes, ...notes] };
  });
}

async function readByKind(file: RandomAccessFile): Promise<WeightsFile> {
  const kind = identify(await file.read(0, Math.min(file.size, IDENTIFYING_BYTES)), file);
  if (kind === 'index') return readShards(file);
  if (kind === 'safetensors') {
    return { ...readSealed(await file.read(0, file.size)), format: kind, notes: [] };
  }
  return { ...(await readPyTorch(file, kind)), metadata: Object.create(null), format: kind };
}
