import { isOnnx } from '../../models/names.ts';
import { optimizers } from '../../optim/index.ts';
import { entriesOf, entryNamed, publishedAs } from '../../weights/registry/lookup.ts';
import { strategies } from '../strategy.ts';
import { assertNoneIgnored } from './ignored.ts';
import { parseOptions } from './parse.ts';
import { type ResolvedConfig, type TrainConfig, type TrainConfigInput, trainConfigSchema } from './train-config.ts';
import { assertWorkersGiven } from './workers.ts';

export { mixingOf } from './augmentation.ts';
export { choice } from './choice.ts';
export { type IgnoredOption, ignoredOptions } from './ignored.ts';
export { lossOf } from './loss.ts';
export { assertModelName } from './model.ts';
export { clipOf, optimizerOf } from './optimisation.ts';
export { scheduleOf } from './schedule.ts';
export {
  configGroups,
  type ResolvedConfig,
  type TrainConfig,
  type TrainConfigInput,
  trainConfigSchema,
} from './train-config.ts';

/**
 * The configuration with its defaults. @throws OptionError for a value that it cannot have, or an option that nothing
 * would look at.
 */
export function parseConfig(config: TrainConfigInput): TrainConfig {
  const parsed = parseOptions(trainConfigSchema, config);
  const { strategy, transferRatio } = parsed;
  const chosen = {
    ...parsed,
    strategy: strategy ?? (transferRatio === null ? null : 'partial-transfer'),
  } as const;
  assertNoneIgnored(chosen);
  assertWorkersGiven(chosen);
  return chosen;
}

/** The configuration with every default that depends on others filled in. */
export function resolveConfig(config: TrainConfig): ResolvedConfig {
  const entry = isOnnx(config.model) ? undefined : entryNamed(config.model);
  const model = entry?.architecture ?? config.model;
  const published = entry ?? entriesOf(model)[0];
  const isPretrained = config.weights !== null || published !== undefined || isOnnx(model);
  const strategy = config.strategy ?? (isPretrained ? 'auto' : 'scratch');
  const { pretrained, defaults } = strategies[strategy];
  const weights = config.weights ?? (pretrained ? (published?.name ?? null) : null);
  const named = weights === null ? undefined : publishedAs(weights, model);
  return {
    ...config,
    model,
    weights: named?.name ?? weights,
    strategy,
    probe: config.probe ?? defaults.probe,
    backboneRate: config.backboneRate ?? (config.layerDecay < 1 ? 1 : defaults.backboneRate),
    epochs: config.epochs ?? defaults.epochs,
    learningRate: config.learningRate ?? optimizers[config.optimizer].learningRate,
    weightDecay: config.weightDecay ?? optimizers[config.optimizer].weightDecay,
    // So that a worker's numbers are the same on every machine of one instruction set.
    threads: config.threads ?? (config.workers === null ? null : 1),
  };
}
