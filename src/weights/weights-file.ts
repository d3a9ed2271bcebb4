import { inFile, type RandomAccessFile, withFile } from '../files/random-access.ts';
import type { WeightsFile } from './found-weights.ts';
import { IDENTIFYING_BYTES, identify } from './identify.ts';
import { readPyTorch } from './pytorch/read.ts';
import { withCurrentNames } from './rename.ts';
import { readSafetensors } from './safetensors.ts';
import { readShards } from './shards.ts';

/**
 * The weights in the file at `path`: safetensors, the index of a sharded safetensors file, or what torch.save wrote. Which of
 * them it is, its content says; its name does not matter. Nothing in the file is trusted or run.
 *
 * @throws UserError with the path, what is wrong and what to do
 *
 * @example
 * const { tensors, notes } = await readWeightsFile('checkpoint.pth');
 */
export async function readWeightsFile(path: string): Promise<WeightsFile> {
  return withFile(path, (file) =>
    inFile(path, async () => {
      const read = await readByKind(file);
      // Graft's own files have today's names.
      if (read.metadata.format === 'graft') return read;
      const { tensors, notes } = withCurrentNames(read.tensors);
      return { ...read, tensors, notes: [...read.notes, ...notes] };
    }),
  );
}

async function readByKind(file: RandomAccessFile): Promise<WeightsFile> {
  const kind = identify(await file.read(0, Math.min(file.size, IDENTIFYING_BYTES)), file);
  if (kind === 'index') return readShards(file);
  if (kind === 'safetensors') {
    return { ...readSafetensors(await file.read(0, file.size)), format: kind, notes: [] };
  }
  return { ...(await readPyTorch(file, kind)), metadata: Object.create(null), format: kind };
}
