import * as z from 'zod';
import type { LearnerName } from '../../meta/learners.ts';
import type { OptimizerName } from '../../optim/index.ts';
import type { OptionSchemas } from '../config/choice.ts';
import type { ScheduleName } from '../config/schedule.ts';
import {
  episodeOptions,
  innerOptions,
  learnerOptions,
  type MetaEpisodeOptions,
  type MetaInnerOptions,
  type MetaLearnerOptions,
  type MetaMachineOptions,
  type MetaModelOptions,
  type MetaOuterOptions,
  metaMachineOptions,
  metaModelOptions,
  outerOptions,
} from './options.ts';

/** The options by what they are about. */
export const metaConfigGroups = {
  model: metaModelOptions,
  learner: learnerOptions,
  inner: innerOptions,
  outer: outerOptions,
  episodes: episodeOptions,
  machine: metaMachineOptions,
} as const;

/** All options that decide a run of meta-learning. */
export interface MetaConfig
  extends MetaLearnerOptions,
    MetaModelOptions,
    MetaInnerOptions,
    MetaOuterOptions,
    MetaEpisodeOptions,
    MetaMachineOptions {}

/** A configuration as it is given: what is left out has its default. */
export type MetaConfigInput = Partial<MetaConfig>;

/** A configuration with every default that depends on others filled in. What a learner does not look at is null. */
export interface ResolvedMetaConfig extends MetaConfig {
  readonly learner: LearnerName;
  readonly model: string;
  readonly weights: string;
  readonly order: 1 | 2 | null;
  readonly optimizer: OptimizerName;
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly schedule: ScheduleName;
  readonly validateEvery: number;
}

/** The schema of all options that decide a run of meta-learning: flags, help and files of options are made from it. */
export const metaConfigSchema: z.ZodObject<OptionSchemas<MetaConfig>, z.core.$strict> = z.strictObject({
  ...learnerOptions,
  ...metaModelOptions,
  ...innerOptions,
  ...outerOptions,
  ...episodeOptions,
  ...metaMachineOptions,
});
