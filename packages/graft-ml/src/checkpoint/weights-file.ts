import { inFile } from '@graft-ml/core/internal/base/errors';
import type { Tensor } from '@graft-ml/core/internal/base/tensor';
import { withCurrentNames } from '@graft-ml/core/internal/weights/rename';
import { readSealed } from '@graft-ml/core/internal/weights/sealed';
import { type RandomAccessFile, withFile } from '../files/random-access.ts';
import type { OpenOptions } from '../files/read.ts';
import { identify, identifyingBytes } from './identify.ts';
import { openLegacyFormat } from './pytorch/legacy-format.ts';
import { readTensors, type TorchArchive } from './pytorch/read-tensors.ts';
import { findStateDict } from './pytorch/state-dict.ts';
import { openZipFormat } from './pytorch/zip-format.ts';
import { readShards } from './shards.ts';

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
  const kind = identify(await file.read(0, Math.min(file.size, identifyingBytes)), file);
  if (kind === 'index') return { ...(await readShards(file)), metadata: Object.create(null), format: 'sharded' };
  if (kind === 'safetensors') {
    return { ...(await readSealed(await file.read(0, file.size))), format: kind, notes: [] };
  }
  return { ...(await readPyTorch(file, kind)), metadata: Object.create(null), format: kind };
}

/**
 * The state dict of a checkpoint that torch.save wrote, in either of its formats. float16 and bfloat16 become f32, int8
 * and int16 i32; everything else keeps its bits. Of what else the file holds, such as the optimizer's state, nothing is
 * read.
 *
 * @throws UserError that says what in the file cannot be read and how to save it so that it can
 */
async function readPyTorch(
  file: RandomAccessFile,
  format: TorchArchive['format'],
): Promise<{ tensors: Record<string, Tensor>; notes: string[] }> {
  const archive = await (format === 'pytorch-zip' ? openZipFormat(file) : openLegacyFormat(file));
  const { tensors, notes } = findStateDict(archive.root);
  return { tensors: await readTensors(tensors, archive), notes: [...notes] };
}
