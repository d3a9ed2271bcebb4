import { option } from '../base/code.ts';
import { OptionError } from '../base/errors.ts';
import { cutBefore } from '../fit/cut.ts';
import type { FitOptions } from '../fit/fit-options.ts';
import type { FitStage } from '../fit/fit-stages.ts';
import type { Model } from '../fit/model.ts';
import { crossEntropyLoss } from '../nn/index.ts';
import { clipOf, lossOf, mixingOf, optimizerOf, type ResolvedConfig } from './config/index.ts';
import type { PlannedStage } from './plan.ts';
import { strategies } from './strategy.ts';
import { batching, timetableOf } from './timetable.ts';

/**
 * The options with which `fit` trains as a configuration says, by its plan.
 *
 * @param labels of the training images
 * @throws OptionError where images are to be mixed, and whole images are trained on in no stage
 */
export function fitOptionsOf(
  config: ResolvedConfig,
  plan: readonly PlannedStage[],
  { network, classes }: Pick<Model, 'network' | 'classes'>,
  labels: readonly number[],
): FitOptions {
  const { augment, views, sampling, ema, patience, batchNorm, memory, disk, seed } = config;
  const mixing = mixingOf(config);
  const stages = timetableOf(config, plan, labels.length).stages.map((stage): FitStage => {
    const isWhole = cutBefore(network, (parameter) => Boolean(stage.settings.get(parameter))) === null;
    return { ...stage, mixes: isWhole };
  });
  if (mixing) assertMixed(config, stages);
  const clip = clipOf(config);
  const { batchSize, accumulate } = batching(config, labels.length);
  return {
    stages,
    batchSize,
    accumulate,
    optimizer: optimizerOf(config),
    loss: crossEntropyLoss(lossOf(config, labels, classes.length)),
    augment,
    views,
    ...(mixing && { mixing }),
    ...(clip && { clip }),
    ...(ema !== null && { average: ema }),
    ...(patience !== null && { patience }),
    batchNorm,
    sampling,
    memory,
    disk,
    seed,
  };
}

/** @throws OptionError where no stage mixes. (The stages that `auto` comes to are its own choice.) */
function assertMixed({ strategy, mixup, cutmix }: ResolvedConfig, stages: readonly FitStage[]): void {
  if (strategies[strategy].isDecidedByProbe || stages.some(({ mixes }) => mixes)) return;
  throw new OptionError({
    option: mixup === null ? 'cutmix' : 'mixup',
    expected: 'nothing where features are trained on',
    received: mixup ?? cutmix,
    problem:
      ` mixes images, but ${option('strategy', strategy)} trains on features of them here, since what comes first in ` +
      'the network is frozen. Leave it out, or train everything (full, scratch, or gradual in its last stage).',
  });
}
