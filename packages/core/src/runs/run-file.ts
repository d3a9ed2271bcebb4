import * as z from 'zod';
import { call, placeholder } from '../base/code.ts';
import { UserError } from '../base/errors.ts';
import { longestOwnJson, parseOwnJson } from '../base/own-json.ts';
import { problemsOf } from '../base/schema-problems.ts';
import type { Best } from '../fit/index.ts';
import type { LogName } from '../fit/loggers/names.ts';
import type { OpenRunStore } from '../fit/run-store.ts';
import type { SeenRecord } from '../image/seen.ts';
import type { Preprocessing } from '../models/index.ts';
import type { Decision } from '../recipe/auto.ts';
import type { TrainConfig } from '../recipe/config/index.ts';
import { trainConfigSchema } from '../recipe/config/index.ts';
import { domains } from '../recipe/config/strategy.ts';
import { preprocessingSchema, runSeenSchema } from '../weights/checkpoint.ts';
import type { NamedPaths } from './named-paths.ts';

export const evaluationSchema = z.object({ loss: z.number(), accuracy: z.number(), epoch: z.int() });

/** Version 0.1 wrote `pictures` where it is `images` now. */
export function withImages<T extends z.ZodType>(schema: T) {
  return z.preprocess((value) => {
    if (typeof value !== 'object' || value === null || !('pictures' in value)) return value;
    const { pictures, ...others } = value;
    return { images: pictures, ...others };
  }, schema);
}

const decisionSchema = z.object({
  evidence: withImages(
    z.object({
      images: z.int(),
      classes: z.int(),
      validation: z.int(),
      probe: z.number(),
      domain: z.enum(domains),
    }),
  ),
  strategy: z.enum(['feature-extraction', 'partial', 'full']),
  reasons: z.array(z.string()).readonly(),
  alsoScratch: z.boolean(),
});

export const runRecordSchema = z.object({
  graft: z.string(),
  status: z.enum(['running', 'interrupted', 'done']),
  weightsSha256: z.string().nullable(),
  folder: z.string(),
  preprocessing: preprocessingSchema,
  parameters: z.object({ total: z.int(), trained: z.int() }),
  versions: z.object({ node: z.string().optional(), browser: z.string().optional(), onnxruntime: z.string() }),
  device: z.string(),
  threads: z.int(),
  choices: z.record(z.string(), z.string()),
  best: evaluationSchema.nullable(),
  onnxSha256: z.string().nullable().default(null),
  signature: z.string().nullable().default(null),
  changes: z.array(z.object({ epoch: z.int(), change: z.string() })).default([]),
});

/** The fields that a run does not know yet when it begins. */
export const newRecord: Pick<RunRecord, 'onnxSha256' | 'signature' | 'changes' | 'best'> = {
  onnxSha256: null,
  signature: null,
  changes: [],
  best: null,
};

/** The versions of what a run ran in. */
export interface RunVersions {
  readonly node?: string | undefined;
  /** The browser's name of itself. */
  readonly browser?: string | undefined;
  readonly onnxruntime: string;
}

/** The part of `run.json` common to all kinds of run; each kind adds its configuration and its data. */
export interface RunRecord {
  /** The version of Graft. */
  readonly graft: string;
  readonly status: 'running' | 'interrupted' | 'done';
  /** The digest of the pretrained tensors; null without. */
  readonly weightsSha256: string | null;
  readonly folder: string;
  readonly preprocessing: Preprocessing;
  /** The number of parameters, and of those that are trained. */
  readonly parameters: { readonly total: number; readonly trained: number };
  /** The versions of what it ran in, Node or a browser, and of ONNX Runtime. */
  readonly versions: RunVersions;
  readonly device: string;
  readonly threads: number;
  /** The lowerings that were chosen by timing. With them a run is repeated to the bit. */
  readonly choices: Readonly<Record<string, string>>;
  readonly best: Best | null;
  /** SHA-256 of its ONNX file, where that is the model. */
  readonly onnxSha256: string | null;
  /** The signature by which its user named the paths in it: `own-paths.ts`. */
  readonly signature: string | null;
  /** The changes made when it was resumed: its options alone do not repeat it. */
  readonly changes: readonly { readonly epoch: number; readonly change: string }[];
  readonly config: {
    readonly log: readonly LogName[] | null;
    readonly model: string | null;
    readonly weights: string | null;
  };
}

const beforeAndAfter = z.object({ before: z.number(), after: z.number() });
const calibrationSchema = z.object({
  temperature: z.number().positive(),
  interval: z.tuple([z.number(), z.number().nullable()]),
  weightsSha256: z.string(),
  checkpoint: z.enum(['best', 'last']),
  part: z.literal('validation'),
  images: z.int(),
  loss: beforeAndAfter,
  calibrationError: beforeAndAfter,
});

export const runSchema = runRecordSchema.extend({
  kind: z.literal('train').default('train'),
  config: trainConfigSchema,
  classes: z.array(z.string()),
  batchNorm: z.string(),
  dataset: z.object({
    fingerprint: z.string(),
    train: z.int(),
    validation: z.int(),
    test: z.int(),
    leftOut: z.array(z.object({ path: z.string(), kind: z.string() })),
  }),
  warnings: z.array(z.object({ kind: z.string(), message: z.string() })).default([]),
  addedEpochs: z.int().min(0).default(0),
  decision: decisionSchema.nullable(),
  adaptedFrom: z.string().nullable().default(null),
  before: runSeenSchema,
  calibration: calibrationSchema.optional(),
});

/** `run.json` of an ordinary training run: what the run is. Enough to repeat it. */
export interface Run extends RunRecord {
  readonly kind: 'train';
  readonly config: TrainConfig;
  readonly classes: readonly string[];
  readonly batchNorm: string;
  readonly dataset: RunDataset;
  /** The warnings before it began. */
  readonly warnings: readonly { readonly kind: string; readonly message: string }[];
  /** Epochs beyond its options, which it was given when it was done. */
  readonly addedEpochs: number;
  /** The decision of the strategy `auto`; null before it, and for other strategies. */
  readonly decision: Decision | null;
  /** The meta-learned run that this one was adapted from; null for one that was trained. */
  readonly adaptedFrom: string | null;
  /** Those of its images that its weights had seen when it began: they neither validate nor test. */
  readonly before: SeenRecord | null;
  /** How its probabilities were calibrated; absent before `calibrateRun`. */
  readonly calibration?: RunCalibration | undefined;
}

/** A temperature that was fitted to a run's validation images: `calibrateRun`. */
export interface RunCalibration {
  /** Logits are divided by it. */
  readonly temperature: number;
  /** 95 % interval; null where there is no upper end. */
  readonly interval: readonly [low: number, high: number | null];
  /** The digest of the numbers that it was fitted to, and holds for: a run that is trained on has others. */
  readonly weightsSha256: string;
  readonly checkpoint: 'best' | 'last';
  /** The part whose images it was fitted to, and how many there were. */
  readonly part: 'validation';
  readonly images: number;
  /** Mean cross entropy of those images, without it and with it. */
  readonly loss: { readonly before: number; readonly after: number };
  /** Their expected calibration error, without it and with it. */
  readonly calibrationError: { readonly before: number; readonly after: number };
}

/** The dataset of a run: how many images each part has, and what was left out. */
export interface RunDataset {
  /** The fingerprint of the images, their classes and their parts. */
  readonly fingerprint: string;
  readonly train: number;
  readonly validation: number;
  readonly test: number;
  readonly leftOut: readonly { readonly path: string; readonly kind: string }[];
}

/** A kind of run, by what its `run.json` holds and which functions make one. */
export interface RunKind<R extends RunRecord> {
  readonly name: 'train' | 'meta';
  readonly schema: z.ZodType<R, unknown>;
  /** The functions that begin a run of this kind, and go on with one. */
  readonly begunBy: 'trainFolder' | 'trainMeta';
  readonly resumedBy: 'resumeTraining' | 'resumeMeta';
  /** The message for a run of another kind. */
  readonly refusal: (path: string) => string;
}

/** Runs of `trainFolder`. */
export const trainingRuns: RunKind<Run> = {
  name: 'train',
  schema: runSchema,
  begunBy: 'trainFolder',
  resumedBy: 'resumeTraining',
  refusal: (path) =>
    `${path} is a run of meta-learning, which knows no classes of its own. Adapt it first, with a few images of each ` +
    `class: ${call('adaptMeta', [path, placeholder('folder')])}.`,
};

/** How a place without a run is told from one with it, and older runs are read. */
export interface RunReading {
  /** What may be meant where there is no run, in a sentence. Default: what makes one. */
  readonly hint?: (path: string) => Promise<string | undefined>;
  /** Takes the content of `run.json` from an older form to today's. */
  readonly renew?: (content: object) => object;
}

/** The run in a store. @throws UserError where there is none, or it is not one of ours, or of another kind. */
export async function readRunIn<R extends RunRecord>(
  path: string,
  kind: RunKind<R>,
  openStore: OpenRunStore,
  { hint, renew }: RunReading = {},
): Promise<R> {
  const store = openStore(path);
  await store.inspect();
  if (!(await store.names()).includes('run.json')) {
    const begin = call(kind.begunBy, [placeholder('folder'), placeholder('config')], { out: path });
    throw new UserError(`${path} is not a run: it has no run.json. ${(await hint?.(path)) ?? `${begin} makes one.`}`);
  }
  const file = `${path}/run.json`;
  const content = parseOwnJson(await store.read('run.json', longestOwnJson), file);
  return parseRun(renew ? renew(content) : content, kind, { file, run: path });
}

/** The kind of the run in a store. `train` where there is none: who opens it says what is wrong. */
export async function kindOfRunIn(path: string, openStore: OpenRunStore): Promise<'train' | 'meta'> {
  const store = openStore(path);
  await store.inspect();
  if (!(await store.names()).includes('run.json')) return 'train';
  const content = parseOwnJson(await store.read('run.json', longestOwnJson), `${path}/run.json`);
  return kindSchema.safeParse(content).data?.kind ?? 'train';
}

/** The change that a run begins with which a program trained, so that its options do not repeat it. */
export const trainedByProgram = 'trained by a program, with fit, and saved with model.save';

/** The beginning of the change that a run begins with whose weights are an average of those of others. */
export const averagedFrom = 'weights averaged from other runs: ';

/** Whether the weights of a run are an average of those of others: its options are those of one of them. */
export function isAveraged({ changes }: Pick<RunRecord, 'changes'>): boolean {
  return changes.some(({ change }) => change.startsWith(averagedFrom));
}

/** Whether the options of a run do not say how it was trained: a program trained it, or its weights are an average. */
export function isTrainedByProgram({ changes }: Pick<RunRecord, 'changes'>): boolean {
  return changes.some(({ change }) => change === trainedByProgram) || isAveraged({ changes });
}

/** @throws UserError where the content of a `run.json` is not what it should be, or of another kind of run */
export function parseRun<R extends RunRecord>(
  value: object,
  kind: RunKind<R>,
  { file, run }: { readonly file: string; readonly run: string },
): R {
  const { kind: name } = kindSchema.safeParse(value).data ?? { kind: kind.name };
  if (name !== kind.name) throw new UserError(kind.refusal(run));
  const parsed = kind.schema.safeParse(value);
  if (!parsed.success) throw new UserError(`${file} is damaged: ${problemsOf(parsed.error)}.`);
  return parsed.data;
}

/** Older files are of the only kind there was. */
const kindSchema = z.object({ kind: z.enum(['train', 'meta']).default('train') });

/**
 * @param named whether the places were named now, and not when the run began
 * @throws UserError where the images or the weights, by their hashes as they are now, are not those that the run began
 * with
 */
export function assertUnchanged(
  out: string,
  run: Pick<Run, 'folder' | 'weightsSha256'> & {
    config: Pick<Run['config'], 'weights'>;
    dataset: Pick<Run['dataset'], 'fingerprint'>;
  },
  now: { readonly fingerprint: string; readonly weightsSha256: string | null },
  named: NamedPaths,
): void {
  const isOther = now.fingerprint !== run.dataset.fingerprint;
  const place = run.folder === '' ? 'The collection' : run.folder;
  if (isOther && named.data !== undefined) {
    throw new UserError(
      `${place} does not hold the images that ${out} was started with (fingerprint ` +
        `${now.fingerprint.slice(0, 12)}…, ` +
        `expected ${run.dataset.fingerprint.slice(0, 12)}…). Images are known by content, class and place within the ` +
        'folder: name the same folder, as it was.',
    );
  }
  const changed = [
    ...(isOther ? [place] : []),
    ...(now.weightsSha256 === run.weightsSha256 ? [] : [run.config.weights]),
  ];
  if (changed.length === 0) return;
  const verb = changed.length === 1 ? 'has' : 'have';
  throw new UserError(
    `${changed.join(' and ')} ${verb} changed since ${out} was started; the run cannot go on. Start a new one.`,
  );
}

/** @throws UserError where a run that is repeated began with other weights under the same name */
export function assertSameWeights(
  { model, weights }: Pick<Run['config'], 'model' | 'weights'>,
  now: string | null,
  expected: string | null | undefined,
): void {
  if (now === null || expected === undefined || now === expected) return;
  throw new UserError(
    `${weights ?? model}: these are not the weights that the repeated run began with. The SHA-256 of their ` +
      `numbers is ${now}, expected ${expected}. ` +
      'To train from them, name them: `weights`.',
  );
}

/** Where a run was made, in a few words: `Node 20.20.2`, or the browser as it names itself. */
export function placeOf({ versions: { node, browser } }: Pick<RunRecord, 'versions'>): string {
  return node === undefined ? (browser ?? 'an unknown engine') : `Node ${node}`;
}
