import * as z from 'zod';
import { isOnnx } from '../../models/onnx/suffix.ts';
import { optimizers } from '../../optim/index.ts';
import { entriesOf, entryNamed, publishedAs } from '../../weights/registry/lookup.ts';
import { strategies } from '../strategy.ts';
import { augmentationOptions } from './augmentation.ts';
import { dataOptions } from './data.ts';
import { refuseIgnored } from './ignored.ts';
import { machineOptions } from './machine.ts';
import { modelOptions } from './model.ts';
import { optimisationOptions } from './optimisation.ts';
import { parseOptions } from './parse.ts';
import { strategyOptions } from './strategy.ts';

export { mixingOf } from './augmentation.ts';
export { choice } from './choice.ts';
export { parseFold } from './data.ts';
export { lossOf } from './loss.ts';
export { assertModelName, perChannel } from './model.ts';
export { clipOf, optimizerOf } from './optimisation.ts';
export { scheduleOf } from './schedule.ts';

/** The options by what they are about: `graft config` prints them under these headings. */
export const configGroups = {
  model: modelOptions,
  strategy: strategyOptions,
  optimisation: optimisationOptions,
  augmentation: augmentationOptions,
  data: dataOptions,
  machine: machineOptions,
} as const;

/**
 * Everything that decides a training run, and nothing else. The command line's flags, their help and `docs/cli.md` are
 * made from this table; `run.json` holds it resolved.
 */
export const trainConfigSchema = z.strictObject({
  ...modelOptions,
  ...strategyOptions,
  ...optimisationOptions,
  ...augmentationOptions,
  ...dataOptions,
  ...machineOptions,
});

export type TrainConfig = z.output<typeof trainConfigSchema>;
export type TrainConfigInput = z.input<typeof trainConfigSchema>;

/** The configuration with its defaults. @throws OptionError for a value that it cannot have, or an option that nothing would look at. */
export function parseConfig(config: TrainConfigInput): TrainConfig {
  const parsed = parseOptions(trainConfigSchema, config);
  const { strategy, transferRatio } = parsed;
  const chosen = {
    ...parsed,
    strategy: strategy ?? (transferRatio === null ? null : 'partial-transfer'),
  } as const;
  refuseIgnored(chosen);
  return chosen;
}

/** The configuration with every default that depends on others filled in. */
export function resolveConfig(config: TrainConfig) {
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
    trunkRate: config.trunkRate ?? (config.layerDecay < 1 ? 1 : defaults.trunkRate),
    epochs: config.epochs ?? defaults.epochs,
    learningRate: config.learningRate ?? optimizers[config.optimizer].learningRate,
    weightDecay: config.weightDecay ?? optimizers[config.optimizer].weightDecay,
  };
}

export type ResolvedConfig = ReturnType<typeof resolveConfig>;
