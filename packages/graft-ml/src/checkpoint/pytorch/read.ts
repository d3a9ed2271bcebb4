import type { Tensor } from '@graft-ml/core/internal/base/tensor';
import type { RandomAccessFile } from '../../files/random-access.ts';
import { openLegacyFormat } from './legacy-format.ts';
import { readTensors, type TorchArchive } from './read-tensors.ts';
import { findStateDict } from './state-dict.ts';
import { openZipFormat } from './zip-format.ts';

/**
 * The state dict of a checkpoint that torch.save wrote, in either of its formats. float16 and bfloat16 become f32, int8
 * and int16 i32; everything else keeps its bits. Of what else the file holds, such as the optimizer's state, nothing is
 * read.
 *
 * @throws UserError that says what in the file cannot be read and how to save it so that it can
 */
export async function readPyTorch(
  file: RandomAccessFile,
  format: TorchArchive['format'],
): Promise<{ tensors: Record<string, Tensor>; notes: string[] }> {
  const archive = await (format === 'pytorch-zip' ? openZipFormat(file) : openLegacyFormat(file));
  const { tensors, notes } = findStateDict(archive.root);
  return { tensors: await readTensors(tensors, archive), notes: [...notes] };
}
