import { resolve } from 'node:path';
import { didYouMean } from '@graft-ml/core/internal/base/choice';
import { option as code } from '@graft-ml/core/internal/base/code';
import { OptionError } from '@graft-ml/core/internal/base/errors';
import { isOnnx } from '@graft-ml/core/internal/models/names';
import {
  type TrainConfig,
  type TrainConfigInput,
  trainConfigSchema,
} from '@graft-ml/core/internal/recipe/config/index';
import { type OptionInfo, optionsOf } from '@graft-ml/core/internal/recipe/config/options';
import { parseOptions, valueError } from '@graft-ml/core/internal/recipe/config/parse';
import { type MetaConfig, type MetaConfigInput, metaConfigSchema } from '@graft-ml/core/internal/recipe/meta/index';
import { isWeightsFile } from '@graft-ml/core/internal/runs/named-paths';
import type { AshaPrunerOptions, MedianPrunerOptions } from '@graft-ml/core/internal/study/pruners';
import { gridSize } from '@graft-ml/core/internal/study/samplers';
import { assertSpace } from '@graft-ml/core/internal/study/space';
import type { Direction, Distribution, Space } from '@graft-ml/core/internal/study/study';
import type { TpeSamplerOptions } from '@graft-ml/core/internal/study/tpe';
import { z } from 'zod';

/** The commands whose options a study varies. */
export const subjects = ['train', 'meta train'] as const satisfies readonly StudySubject[];
export type StudySubject = 'train' | 'meta train';

/** The numbers of a validation that a study can go by. */
export const metrics = ['accuracy', 'loss'] as const satisfies readonly StudyMetric[];
export type StudyMetric = 'accuracy' | 'loss';

/** How the next trial is chosen, with the options of the function of that name in `graft-ml/study`. */
export type SamplerOptions =
  | ({ readonly kind: 'tpe' } & Omit<TpeSamplerOptions, 'seed'>)
  | { readonly kind: 'random' }
  | { readonly kind: 'grid' };

/** What stops a trial before its end, likewise. */
export type PrunerOptions =
  | { readonly kind: 'none' }
  | ({ readonly kind: 'asha' } & AshaPrunerOptions)
  | ({ readonly kind: 'median' } & MedianPrunerOptions);

/** When a study ends: at the first of its limits. */
export interface StudyBudget {
  /** Trials, those that were pruned or failed among them. */
  readonly trials?: number | null | undefined;
  /** Minutes that the study has run, without the time between an interruption and its resumption. */
  readonly minutes?: number | null | undefined;
}

/** The part of a definition that has defaults. */
export interface StudyOptions {
  /** Default: the name of the dataset's folder. */
  readonly name: string;
  readonly sampler: SamplerOptions;
  readonly pruner: PrunerOptions;
  /** Runs of each trial, which differ in their seed: the metric is their mean. */
  readonly seeds: number;
  readonly budget: StudyBudget;
  /** The validation number that is maximised (accuracy) or minimised (loss). */
  readonly metric: StudyMetric;
  /** Decides what is drawn. That of the trials' runs is an option of theirs. */
  readonly seed: number;
  /**
   * Trial n is suggested, and pruned, by what trials 0 to n − parallel have come to, so that the study is the same on
   * one machine and on ten, and after a kill. At most so many trials are under way at once. Null: twice what the
   * executor does at once when the study begins.
   */
  readonly parallel: number | null;
}

/** A study of the options of `trainFolder`. */
export interface TrainingStudy {
  /** The folder of images. */
  readonly data: string;
  readonly of?: 'train' | undefined;
  /** The options that are varied. */
  readonly space: { readonly [K in keyof TrainConfig]?: Distribution };
  /** Those that are the same in every trial. */
  readonly options?: TrainConfigInput | undefined;
}

/** A study of the options of `trainMeta`. */
export interface MetaTrainingStudy {
  readonly data: string;
  readonly of: 'meta train';
  readonly space: { readonly [K in keyof MetaConfig]?: Distribution };
  readonly options?: MetaConfigInput | undefined;
}

/** A study as it is given: what is left out has its default. */
export type StudyDefinitionInput = (TrainingStudy | MetaTrainingStudy) & Partial<StudyOptions>;

/** A study that was checked: every value of its space is one that its option can have. */
export interface StudyDefinition extends StudyOptions {
  readonly data: string;
  readonly of: StudySubject;
  readonly space: Space;
  readonly options: Readonly<Record<string, unknown>>;
}

const distributionSchema: z.ZodType<Distribution> = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('float'),
    low: z.number(),
    high: z.number(),
    log: z.boolean().optional(),
    step: z.number().positive().nullable().optional(),
  }),
  z.strictObject({
    kind: z.literal('int'),
    low: z.int(),
    high: z.int(),
    log: z.boolean().optional(),
    step: z.int().positive().optional(),
  }),
  z.strictObject({ kind: z.literal('categorical'), choices: z.array(z.unknown()).min(1).max(10_000) }),
]);

const count = z.int().min(1).max(100_000);

const samplerSchema: z.ZodType<SamplerOptions> = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('tpe'),
    startupTrials: count.exactOptional(),
    candidates: count.exactOptional(),
    multivariate: z.boolean().exactOptional(),
    constantLiar: z.boolean().exactOptional(),
  }),
  z.strictObject({ kind: z.literal('random') }),
  z.strictObject({ kind: z.literal('grid') }),
]);

const countOrNone = z.int().min(0).max(100_000);

const prunerSchema: z.ZodType<PrunerOptions> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('none') }),
  z.strictObject({
    kind: z.literal('asha'),
    minResource: count.exactOptional(),
    reductionFactor: z.int().min(2).max(1000).exactOptional(),
    minEarlyStoppingRate: z.int().min(0).max(30).exactOptional(),
    bootstrapCount: countOrNone.exactOptional(),
  }),
  z.strictObject({
    kind: z.literal('median'),
    startupTrials: countOrNone.exactOptional(),
    warmupSteps: countOrNone.exactOptional(),
    interval: count.exactOptional(),
    minTrials: count.exactOptional(),
  }),
]);

export const samplerKinds = ['tpe', 'random', 'grid'] as const satisfies readonly SamplerOptions['kind'][];
export const prunerKinds = ['none', 'asha', 'median'] as const satisfies readonly PrunerOptions['kind'][];

/** Trials of a study that names no end. */
const defaultTrials = 50;

const budgetSchema = z.strictObject({
  trials: count.nullable().default(null),
  minutes: z.number().positive().max(1_000_000).nullable().default(null),
});

/** The definition, in the table's form, so that its errors are those of options. */
export const studySchema = z.strictObject({
  name: z.string().min(1).max(500).nullable().default(null).describe('the name of the study'),
  data: z.string().min(1).describe('the folder of images'),
  of: z.enum(subjects).default('train').describe('the command whose options are varied'),
  space: z.record(z.string(), distributionSchema).describe('the options that are varied'),
  options: z.record(z.string(), z.unknown()).default({}).describe('options that are the same in every trial'),
  sampler: samplerSchema.default({ kind: 'tpe' }).describe('how the next trial is chosen'),
  pruner: prunerSchema.default({ kind: 'none' }).describe('how a trial is judged before its end'),
  seeds: z.int().min(1).max(100).default(1).describe('runs of each trial, with different seeds'),
  budget: budgetSchema.default({ trials: null, minutes: null }).describe('when the study ends'),
  metric: z.enum(metrics).default('accuracy').describe('the number of the validation that is sought'),
  seed: z.int().min(0).default(0).describe('decides what is drawn'),
  parallel: z.int().min(1).max(10_000).nullable().default(null).describe('trials under way at once, at most'),
});

/**
 * Checks a study before anything runs: that its options exist, that every value of the space is one that its option
 * can have, and that the grid is finite.
 *
 * @throws OptionError that names the option
 */
export function parseStudy(input: StudyDefinitionInput): StudyDefinition {
  return checkedStudy(input);
}

/** The same of a value from a file. */
export function checkedStudy(input: unknown): StudyDefinition {
  const parsed = parseOptions(studySchema, input);
  const { budget } = parsed;
  const hasEnd = budget.trials !== null || budget.minutes !== null || parsed.sampler.kind === 'grid';
  const study: StudyDefinition = {
    ...parsed,
    ...withAbsoluteFiles(parsed),
    data: resolve(parsed.data),
    name: parsed.name ?? nameOf(parsed.data),
    budget: hasEnd ? budget : { trials: defaultTrials, minutes: null },
  };
  const { space, options } = study;
  if (Object.keys(space).length === 0) {
    const expected = 'one option at least, with the values that it may have';
    throw new OptionError({ option: 'space', expected, received: space });
  }
  const known = new Map(optionsOf(schemaOf(study)).map((info) => [info.key, info]));
  for (const key of [...Object.keys(space), ...Object.keys(options)]) {
    if (known.has(key)) continue;
    const problem = ` is no option of a study of "${study.of}".${didYouMean(key, [...known.keys()])}`;
    throw new OptionError({ option: key, expected: 'an option', received: space[key] ?? options[key], problem });
  }
  for (const [key, distribution] of Object.entries(space)) {
    assertVariable(key, study);
    assertValues(known.get(key)!, distribution, study);
  }
  assertSpace(space);
  if (study.sampler.kind === 'grid') gridSize(space);
  parseOptions(schemaOf(study), options);
  return study;
}

/** The options with the files that they name under absolute paths: a study is resumed from anywhere. */
function withAbsoluteFiles({ space, options }: Pick<StudyDefinition, 'space' | 'options'>) {
  const model = typeof options.model === 'string' ? options.model : null;
  const absolute = (key: string, value: unknown) => {
    if (typeof value !== 'string') return value;
    const isFile = key === 'model' ? isOnnx(value) : key === 'weights' && isWeightsFile(value, model);
    return isFile ? resolve(value) : value;
  };
  const varied = Object.entries(space).map(([key, distribution]): [string, Distribution] => {
    if (distribution.kind !== 'categorical') return [key, distribution];
    return [key, { ...distribution, choices: distribution.choices.map((choice) => absolute(key, choice)) }];
  });
  const fixed = Object.entries(options).map(([key, value]) => [key, absolute(key, value)] as const);
  return { space: Object.fromEntries(varied), options: Object.fromEntries(fixed) };
}

function nameOf(data: string): string {
  return resolve(data).split(/[\\/]/).at(-1) || 'study';
}

/** The table of the options that a study varies. */
export function schemaOf({ of }: Pick<StudyDefinition, 'of'>): z.ZodObject {
  return of === 'train' ? trainConfigSchema : metaConfigSchema;
}

/** Whether more is better. */
export function directionOf({ metric }: Pick<StudyDefinition, 'metric'>): Direction {
  return metric === 'accuracy' ? 'maximize' : 'minimize';
}

/** @throws OptionError for the seed, by which repeats differ, and for an option that is fixed as well */
function assertVariable(key: string, { space, options }: StudyDefinition): void {
  const distribution = space[key];
  if (key === 'seed') {
    const problem = ` is not varied by a study: pass ${code('seeds')}, the number of runs of each trial.`;
    throw new OptionError({ option: key, expected: 'one value', received: distribution, problem });
  }
  if (!Object.hasOwn(options, key)) return;
  const problem = ' is varied, and has one value among the options. Leave one of them out.';
  throw new OptionError({
    option: key,
    expected: 'a place in `space` or in `options`',
    received: options[key],
    problem,
  });
}

/** @throws OptionError where the option's schema refuses a value that a trial could have */
function assertValues(info: OptionInfo, distribution: Distribution, study: StudyDefinition): void {
  const { key: option, allowed, type } = info;
  const schema = schemaOf(study).shape[option]!;
  if (distribution.kind !== 'categorical' && type !== 'number') {
    const problem = ` has no range: list its choices (${allowed}).`;
    throw new OptionError({ option, expected: 'choices', received: distribution, problem });
  }
  if (distribution.kind === 'float' && allowed.startsWith('integer')) {
    const problem = ' is a whole number, so its range is one of whole numbers (kind "int").';
    throw new OptionError({ option, expected: 'whole numbers', received: distribution, problem });
  }
  // Between two bounds that an option of numbers can have it can have all: its bounds are an interval.
  const values = distribution.kind === 'categorical' ? distribution.choices : [distribution.low, distribution.high];
  for (const value of values) {
    const parsed = z.safeParse(schema, value);
    if (!parsed.success) throw valueError(parsed.error.issues[0]!, info, value);
    if (parsed.data === undefined || value === undefined)
      throw new OptionError({ option, expected: `values that it can have (${allowed})`, received: value });
  }
}
