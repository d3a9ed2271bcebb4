import { createHash } from 'node:crypto';
import { z } from 'zod';
import { UserError } from '../../base/errors.ts';
import { formatType, type Tensors } from '../../base/tensor.ts';
import { headPattern, type Model, type Preprocessing, preprocessingSchema } from '../../models/index.ts';
import type { Variable } from '../../nn/index.ts';
import { matchWeights, readSafetensorsFile } from '../../weights/index.ts';

/** What a checkpoint of ours says about itself, beside its tensors. Other people's files say nothing of the kind. */
const metadataSchema = z.object({
  model: z.string(),
  head: z.string().optional(),
  classes: z.string().transform((text) => z.array(z.string()).parse(JSON.parse(text))),
  preprocessing: z.string().transform((text) => preprocessingSchema.parse(JSON.parse(text))),
});

export interface Checkpoint {
  readonly path: string;
  readonly tensors: Tensors;
  /** Of the tensors, whatever order the file has them in. */
  readonly sha256: string;
  /** Absent in a file that Graft did not write. */
  readonly preprocessing: Preprocessing | undefined;
  readonly classes: readonly string[] | undefined;
  /** The layers of its head, where that is a deeper one. */
  readonly head: string | undefined;
}

export function describeCheckpoint(
  { name, headLayers }: Model,
  classes: readonly string[],
  preprocessing: Preprocessing,
): Readonly<Record<string, string>> {
  return {
    format: 'graft',
    model: name,
    ...(headLayers !== undefined && { head: headLayers }),
    classes: JSON.stringify(classes),
    preprocessing: JSON.stringify(preprocessing),
  };
}

/** Reads a checkpoint for a model. @throws UserError where the file is damaged or of another architecture. */
export async function readCheckpoint(path: string, model: Model): Promise<Checkpoint> {
  const { tensors, metadata } = await readSafetensorsFile(path);
  if (metadata.phase !== undefined) {
    throw new UserError(`${path} is a run's state to go on from. Its weights are in best.safetensors beside it.`);
  }
  const sha256 = hashOf(tensors);
  if (metadata.format !== 'graft')
    return { path, tensors, sha256, preprocessing: undefined, classes: undefined, head: undefined };
  const described = metadataSchema.safeParse(metadata);
  if (!described.success)
    throw new UserError(`${path}: its description is damaged: ${z.prettifyError(described.error)}`);
  const { model: name, head, classes, preprocessing } = described.data;
  if (name !== model.name)
    throw new UserError(`${path} holds weights of ${name}, not of ${model.name}. Pass --model ${name}.`);
  return { path, tensors, sha256, preprocessing, classes, head };
}

function hashOf(tensors: Tensors): string {
  const hash = createHash('sha256');
  for (const name of Object.keys(tensors).sort()) {
    const value = tensors[name]!;
    hash.update(`${name} ${formatType(value)}\n`);
    hash.update(new Uint8Array(value.data.buffer, value.data.byteOffset, value.data.byteLength));
  }
  return hash.digest('hex');
}

/** The checkpoint's tensors for these variables; with `newHead` the head's are left out. */
export function weightsFor(
  checkpoint: Checkpoint,
  model: Model,
  variables: ReadonlyMap<string, Variable>,
  { newHead }: { newHead: boolean },
): Tensors {
  return matchWeights([...variables.values()], checkpoint.tensors, {
    source: checkpoint.path,
    skip: newHead ? headPattern(model) : undefined,
  });
}
