import { realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { inFile, UserError } from '@graft-ml/core/internal/base/errors';
import { plural } from '@graft-ml/core/internal/base/plural';
import { quote } from '@graft-ml/core/internal/base/quote';
import { parseShallowJson } from '@graft-ml/core/internal/base/shallow-json';
import type { Tensor } from '@graft-ml/core/internal/base/tensor';
import { readSafetensors } from '@graft-ml/core/internal/weights/safetensors';
import { z } from 'zod';
import { type RandomAccessFile, withFile } from '../files/random-access.ts';

/** The longest index, in bytes. That of a model with ten thousand tensors has less than one million. */
const longestIndex = 4_000_000;
/** The map in the index; a list in its metadata would be as deep. */
const indexDepth = 3;
const mostShards = 1000;

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/**
 * The tensors of all files that an index (`model.safetensors.index.json`) names. They lie in the index's own folder,
 * and no link leads out of it; each has exactly the tensors that the index says.
 */
export async function readShards(
  index: RandomAccessFile,
): Promise<{ tensors: Record<string, Tensor>; notes: readonly string[] }> {
  const folder = dirname(await realpath(index.path));
  const shards = await parseIndex(index);
  const tensors: Record<string, Tensor> = Object.create(null);
  for (const [name, expected] of shards) {
    const shard = await readShard(index.path, folder, name);
    for (const tensor of expected) {
      if (!(tensor in shard))
        throw new UserError(`${quote(name)} does not have ${quote(tensor)}, which the index says is in it.`);
    }
    for (const [tensor, value] of Object.entries(shard)) {
      if (!expected.has(tensor))
        throw new UserError(`${quote(name)} has ${quote(tensor)}, which the index does not say is in it.`);
      tensors[tensor] = value;
    }
  }
  return { tensors, notes: [`Read ${plural(shards.size, 'file')}.`] };
}

/** The tensors that each file must have. */
async function parseIndex(index: RandomAccessFile): Promise<Map<string, Set<string>>> {
  if (index.size > longestIndex)
    throw new UserError(`The index has ${index.size} bytes, at most ${longestIndex} are read.`);
  const json = parseShallowJson(await index.read(0, index.size), indexDepth, 'The index');
  const parsed = indexSchema.safeParse(json);
  if (!parsed.success)
    throw new UserError('It is JSON without a "weight_map" of names, so not the index of a safetensors file.');
  const shards = new Map<string, Set<string>>();
  for (const [tensor, name] of Object.entries(parsed.data.weight_map)) {
    const tensors = shards.get(name);
    if (tensors) tensors.add(tensor);
    else shards.set(name, new Set([tensor]));
  }
  if (shards.size === 0 || shards.size > mostShards) throw new UserError(`The index names ${shards.size} files.`);
  return shards;
}

async function readShard(indexPath: string, folder: string, name: string): Promise<Record<string, Tensor>> {
  // A backslash separates folders on Windows, a colon names a drive there.
  if (name === '' || name === '.' || name === '..' || /[/\\:\0]/.test(name)) {
    throw new UserError(`The index names the file ${quote(name)}; its files must lie beside it.`);
  }
  const path = join(dirname(indexPath), name);
  const real = await realpath(path).catch((cause: NodeJS.ErrnoException) => {
    throw new UserError(
      `The index names ${quote(name)}, which cannot be read beside it: ` +
        `${cause.code === 'ENOENT' ? 'there is no such file. Download it too' : cause.message}.`,
      { cause },
    );
  });
  if (dirname(real) !== folder) {
    throw new UserError(`${quote(name)} is a link out of the index's folder, to ${real}. Copy that file in its place.`);
  }
  const read = (file: RandomAccessFile) =>
    inFile(quote(name), async () => readSafetensors(await file.read(0, file.size)).tensors);
  return withFile(real, read);
}
