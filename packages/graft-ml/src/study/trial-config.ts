import { isOnnx } from '@graft-ml/core/internal/models/index';
import {
  ignoredOptions,
  parseConfig,
  resolveConfig,
  type TrainConfig,
  trainConfigSchema,
} from '@graft-ml/core/internal/recipe/config/index';
import { parseOptions } from '@graft-ml/core/internal/recipe/config/parse';
import {
  ignoredMetaOptions,
  type MetaConfig,
  metaConfigSchema,
  metaModelOf,
  parseMetaConfig,
  resolveMetaConfig,
} from '@graft-ml/core/internal/recipe/meta/index';
import type { Parameters } from '@graft-ml/core/internal/study/study';
import type { StudyDefinition } from './definition.ts';

/** The options of a run, by the command that it is of. */
export type TrialConfig =
  | { readonly of: 'train'; readonly config: TrainConfig }
  | { readonly of: 'meta train'; readonly config: MetaConfig };

/**
 * The options of a trial's run. One thread, unless the options say otherwise: then trials run side by side, and their
 * numbers are the same on machines with more cores. A varied option that another option's value makes meaningless, as
 * momentum beside adamw, is left out.
 *
 * @param repeat the number of the run among those of its trial, from 0
 * @throws OptionError where options contradict each other
 */
export function trialConfig(study: StudyDefinition, parameters: Parameters, repeat: number): TrialConfig {
  const given = { threads: 1, ...study.options, ...parameters };
  const base = given as { seed?: unknown };
  const seed = (typeof base.seed === 'number' ? base.seed : 0) + repeat;
  if (study.of === 'train') {
    const parsed = parseOptions(trainConfigSchema, { ...given, seed });
    const config = parseConfig(without(study, given, ignoredOptions(parsed), seed));
    resolveConfig(config);
    return { of: 'train', config };
  }
  const parsed = parseOptions(metaConfigSchema, { ...given, seed });
  const config = parseMetaConfig(without(study, given, ignoredMetaOptions(parsed), seed));
  if (!isOnnx(metaModelOf(config))) resolveMetaConfig(config);
  return { of: 'meta train', config };
}

function without(
  { space }: StudyDefinition,
  given: Readonly<Record<string, unknown>>,
  ignored: readonly { readonly option: string; readonly by: string }[],
  seed: number,
): Record<string, unknown> {
  const isMeaningless = (key: string) =>
    ignored.some(({ option, by }) => option === key && (Object.hasOwn(space, option) || Object.hasOwn(space, by)));
  return { ...Object.fromEntries(Object.entries(given).filter(([key]) => !isMeaningless(key))), seed };
}
