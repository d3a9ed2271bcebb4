import { UserError } from '@graft-ml/core/internal/base/errors';
import type { ParameterTable } from '@graft-ml/core/internal/fit/selection';
import { isAboutData, type Warning, warnings } from '@graft-ml/core/internal/recipe/guard-rails';
import { type PlanConfig, planOf } from '@graft-ml/core/internal/recipe/plan';
import type { Prepared } from './prepare.ts';

/** The warnings about a prepared run. @throws UserError with `strict`, where one is about its images */
export function warningsOf({ config, folder, table, preprocessing, pretraining }: Prepared): Warning[] {
  const { root, classes, train, validation } = folder;
  const trunkRate = highestTrunkRate(config, table);
  const found = warnings({
    folder: root,
    classes,
    train,
    validation,
    config,
    trunkRate,
    preprocessing,
    pretraining,
  });
  const errors = found.filter(isAboutData);
  if (config.strict && errors.length > 0) {
    throw new UserError(`\`strict\`: ${errors.map(({ message }) => message).join('\n')}`);
  }
  return found;
}

/** The highest rate of the backbone in any stage; for `auto`, in the most that it may choose. */
function highestTrunkRate(config: PlanConfig, table: ParameterTable): number {
  const plan = planOf(config, table, { strategy: 'full', freezeTo: null });
  const rates = plan.flatMap(({ settings }) =>
    [...settings].map(([name, setting]) => (table.head.has(name) ? 0 : (setting?.rate ?? 0))),
  );
  return config.learningRate * rates.reduce((highest, rate) => Math.max(highest, rate), 0);
}
