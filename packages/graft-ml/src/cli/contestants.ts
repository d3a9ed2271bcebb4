import { basename, extname } from 'node:path';
import { choiceError } from '@graft-ml/core/internal/base/choice';
import { UsageError } from '@graft-ml/core/internal/base/errors';
import {
  learnerNames,
  type MetaConfig,
  parseMetaConfig,
  presetNames,
  withoutIgnored,
} from '@graft-ml/core/internal/recipe/meta/index';
import { metaRuns } from '@graft-ml/core/internal/runs/meta-run';
import type { Contestant } from '../experiment/compare.ts';
import { readConfigFileOf } from '../runs/config-file.ts';
import { metaTable } from '../text/config-text.ts';

/** Learners by name with the flags that they look at, or with the options of a file above the flags. */
export async function contestantsOf(
  list: string,
  flags: Omit<MetaConfig, 'learner'>,
  given: readonly string[],
): Promise<Contestant[]> {
  const contestants = list.split(',').map(async (item): Promise<Contestant> => {
    const text = item.trim();
    if (!/\.(ya?ml|json)$/i.test(text)) {
      const names = [...learnerNames, ...presetNames];
      const learner = names.find((name) => name === text);
      if (learner === undefined) throw choiceError('learners', text, names);
      return { name: text, config: withoutIgnored({ ...flags, learner }) };
    }
    const { values } = await readConfigFileOf(text, metaTable, metaRuns, given);
    return { name: basename(text, extname(text)), config: parseMetaConfig({ ...flags, ...values }) };
  });
  const all = await Promise.all(contestants);
  const unused = given.find((key) => {
    const value = flags[key as keyof typeof flags];
    return key in flags && value !== null && all.every(({ config }) => config[key as keyof typeof config] === null);
  });
  if (unused !== undefined) throw new UsageError(`meta compare: ${unused} means nothing to ${list}. Leave it out.`);
  return all;
}
