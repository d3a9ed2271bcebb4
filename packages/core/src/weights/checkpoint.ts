import * as z from 'zod';
import { option } from '../base/code.ts';
import { UserError } from '../base/errors.ts';
import { problemsOf } from '../base/schema-problems.ts';
import type { Hasher } from '../base/sha256.ts';
import { parseShallow } from '../base/shallow-json.ts';
import type { Tensors } from '../base/tensor.ts';
import { brightnessSteps, type ImageStatistics } from '../image/image-statistics.ts';
import { decodeSeen, encodeSeen, type Seen, seenSchema, unrecorded } from '../image/seen.ts';
import { head as headCodec } from '../models/head-text.ts';
import type { NamedArchitecture, Preprocessing } from '../models/index.ts';
import { headPattern, parsePreprocessing } from '../models/index.ts';
import type { HeadLayers } from '../models/model.ts';
import { initialise, under, type Variable } from '../nn/index.ts';
import { matchWeights } from './match.ts';
import { tensorsHash } from './tensors-hash.ts';

/** A transform by a function whose UserError becomes an issue of the schema. */
function parsedBy<I, O>(parse: (value: I) => O) {
  return (value: I, context: z.RefinementCtx): O => {
    try {
      return parse(value);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
      return z.NEVER;
    }
  };
}

/** The preprocessing of a model's images, in a record that holds it as JSON. */
export const preprocessingSchema = z.unknown().transform(parsedBy(parsePreprocessing));

const imageStatisticsSchema = z.object({
  brightness: z.array(z.number().min(0).max(1)).length(brightnessSteps),
  saturation: z.number().min(0).max(1),
});

/** The schema of the metadata in checkpoints of ours. Files from elsewhere have none of it. */
const metadataSchema = z.object({
  model: z.string(),
  /** The layers of its head. */
  head: z.string().transform(parsedBy(headCodec.parse)).optional(),
  /** The learner, of meta-learned weights. */
  learner: z.string().optional(),
  classes: json(z.array(z.string())),
  preprocessing: json(preprocessingSchema),
  seen: json(seenSchema).transform(decodeSeen).optional(),
});

/** A schema for a text that holds JSON. */
function json<S extends z.ZodType>(schema: S) {
  return z
    .string()
    .transform((text) => parseShallow(text, 8))
    .pipe(schema);
}

/** The images that a file of ours was made of, by its metadata; null in one that Graft did not write. */
export function seenIn(metadata: Readonly<Record<string, string>>): Seen | null {
  if (metadata.format !== 'graft') return null;
  return metadataSchema.shape.seen.safeParse(metadata.seen).data ?? unrecorded;
}

/** The statistics of the images that an initialisation was meta-learned on, from the metadata of its checkpoint. */
export function imagesIn(metadata: Readonly<Record<string, string>>): ImageStatistics | null {
  return json(imageStatisticsSchema).safeParse(metadata.images).data ?? null;
}

/** The record of the images that a run's starting weights have seen, as `run.json` keeps it. */
export const runSeenSchema = seenSchema.nullable().default(null);

export interface Checkpoint {
  readonly path: string;
  readonly tensors: Tensors;
  /** The digest of the tensors, whatever order the file has them in. */
  readonly sha256: string;
  /** Absent in a file that neither Graft wrote nor the registry knows. */
  readonly preprocessing: Preprocessing | undefined;
  readonly classes: readonly string[] | undefined;
  /** The layers of its head, where that is a deeper one. */
  readonly head: HeadLayers | undefined;
  /** The learner that made weights that are meta-learned and not yet adapted. */
  readonly learner: string | undefined;
  /** The images that it was made of; null in a file that Graft did not write. */
  readonly seen: Seen | null;
  /** Notes on reading the checkpoint, a sentence each. */
  readonly notes: readonly string[];
}

export function describeCheckpoint(
  { name, headLayers }: NamedArchitecture,
  classes: readonly string[],
  preprocessing: Preprocessing,
  seen: Seen | null,
): Readonly<Record<string, string>> {
  return {
    format: 'graft',
    model: name,
    ...(headLayers !== undefined && { head: headCodec.format(headLayers) }),
    classes: JSON.stringify(classes),
    preprocessing: JSON.stringify(preprocessing),
    ...(seen && { seen: JSON.stringify(encodeSeen(seen)) }),
  };
}

/** Weights as they were read, under the names that models of today have. */
export interface ReadWeights {
  readonly tensors: Tensors;
  /** Texts that the file has beside its tensors. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Notes on reading them, a sentence each. */
  readonly notes: readonly string[];
}

/** What is known of a checkpoint besides its numbers. */
export type CheckpointDescription = {
  [K in 'preprocessing' | 'classes' | 'head' | 'learner' | 'seen' | 'notes']?: Checkpoint[K] | undefined;
};

export interface CheckpointOptions {
  /** What its publisher says of a file that does not say it itself. */
  readonly published?: CheckpointDescription;
  /** Computes the digest of its numbers. Default: in JavaScript. */
  readonly hash?: Hasher;
}

/**
 * A checkpoint for a model, of what was read at `path`: a file of ours, a published one, or any other with the model's
 * names. @throws UserError where it is damaged or of another architecture
 */
export async function checkpointFrom(
  path: string,
  { tensors: read, metadata, notes }: ReadWeights,
  model: NamedArchitecture,
  { published, hash }: CheckpointOptions = {},
): Promise<Checkpoint> {
  if (metadata.phase !== undefined) {
    throw new UserError(`${path} is a run's state to go on from. Its weights are in best.safetensors beside it.`);
  }
  if (metadata.format !== 'graft') {
    // A page that opens none but its own files does not load the names of others.
    const { mapNames } = await import('./timm-names.ts');
    return checkpointOf(path, mapNames(model.name, read), { notes, ...published }, hash);
  }
  const described = metadataSchema.safeParse(metadata);
  if (!described.success) throw new UserError(`${path}: its description is damaged: ${problemsOf(described.error)}.`);
  const { model: name, seen = unrecorded, ...description } = described.data;
  if (name !== model.name)
    throw new UserError(`${path} holds weights of ${name}, not of ${model.name}. Pass ${option('model', name)}.`);
  // The inner rates that a learner may have learned are none of the network's.
  const own = Object.fromEntries(Object.entries(read).filter(([tensor]) => !tensor.startsWith('inner-rate/')));
  return checkpointOf(path, own, { notes, seen, ...description }, hash);
}

/** Tensors from `path`, with what is known about them. */
export function checkpointOf(
  path: string,
  tensors: Tensors,
  { preprocessing, classes, head, learner, seen = null, notes = [] }: CheckpointDescription,
  hash?: Hasher,
): Checkpoint {
  return { path, tensors, sha256: tensorsHash(tensors, hash), preprocessing, classes, head, learner, seen, notes };
}

/** The number of classes of the checkpoint's head; undefined where it has none. */
export function outputsOf({ tensors }: Checkpoint, { headPath }: NamedArchitecture): number | undefined {
  const head = Object.keys(tensors).filter((name) => under(headPath).test(name));
  return tensors[head.at(-1) ?? '']?.shape[0];
}

/** The checkpoint's tensors for these variables; with `newHead` the head's are left out. */
export function weightsFor(
  checkpoint: Checkpoint,
  model: NamedArchitecture,
  variables: ReadonlyMap<string, Variable>,
  { newHead }: { newHead: boolean },
): Tensors {
  return matchWeights([...variables.values()], checkpoint.tensors, {
    source: checkpoint.path,
    skip: newHead ? headPattern(model) : undefined,
    advice:
      `It is not of ${model.name} as it is here. Name the model that it was made for (${option('model')}, the first ` +
      'argument of readyModel). `listModels()` lists them.',
  });
}

/** Numbers for all these variables: the checkpoint's, and first ones for what is new or what the file lacks. */
export function allVariables(
  checkpoint: Checkpoint | null,
  model: NamedArchitecture,
  variables: ReadonlyMap<string, Variable>,
  { newHead, seed }: { newHead: boolean; seed: number },
): Tensors {
  const loaded = checkpoint ? weightsFor(checkpoint, model, variables, { newHead }) : {};
  const missing = [...variables.values()].filter(({ name }) => !(name in loaded));
  return { ...initialise(missing, seed), ...loaded };
}
