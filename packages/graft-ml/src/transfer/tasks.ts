import { option } from '@graft-ml/core/internal/base/code';
import { OptionError } from '@graft-ml/core/internal/base/errors';
import { accuracy } from '@graft-ml/core/internal/fit/metrics';
import { imageNetwork } from '@graft-ml/core/internal/fit/network';
import { epochOrder } from '@graft-ml/core/internal/fit/sampling';
import type { Stage } from '@graft-ml/core/internal/fit/stage';
import type { TrainingTask } from '@graft-ml/core/internal/fit/task';
import {
  clipOf,
  lossOf,
  mixingOf,
  optimizerOf,
  type ResolvedConfig,
} from '@graft-ml/core/internal/recipe/config/index';
import type { PlannedStage } from '@graft-ml/core/internal/recipe/plan';
import { strategies } from '@graft-ml/core/internal/recipe/strategy';
import { batching, timetableOf } from '@graft-ml/core/internal/recipe/timetable';
import { crossEntropyLoss } from '@graft-ml/core/nn';
import type { Prepared } from './prepare.ts';
import { stageOf } from './stages.ts';

/** The trainer's task for a plan. */
export function trainingTask(prepared: Prepared, plan: readonly PlannedStage[]): TrainingTask {
  const { config, model, preprocessing, folder, initial } = prepared;
  const { seed, sampling, ema, patience, batchNorm } = config;
  const network = imageNetwork(model, preprocessing, folder.classes.length);
  const labels = folder.train.map(({ label }) => label);
  const { stages, stepsPerEpoch, warmup } = timetableOf(config, plan, labels.length);
  const { batchSize, accumulate } = batching(config, labels.length);
  const ready = stages.map((stage) => stageOf(stage, network, prepared));
  assertMixing(config, ready);
  return {
    stages: ready,
    stepsPerEpoch,
    warmup,
    initial,
    optimizer: optimizerOf(config),
    loss: crossEntropyLoss(lossOf(config, labels, folder.classes.length)),
    metrics: [accuracy()],
    clip: clipOf(config),
    batchNorm,
    batchSize,
    accumulate,
    order: epochOrder(sampling, labels, seed),
    average: ema,
    patience,
    seed,
  };
}

/** @throws UserError where images are to be mixed, and in no stage whole images are what is trained on. (What auto comes to is its own choice.) */
function assertMixing(config: ResolvedConfig, stages: readonly Stage[]): void {
  const { strategy, mixup } = config;
  if (mixingOf(config) === null || strategies[strategy].isDecidedByProbe || stages.some(({ mixes }) => mixes)) return;
  throw new OptionError({
    option: mixup === null ? 'cutmix' : 'mixup',
    expected: 'nothing where features are trained on',
    received: mixup ?? config.cutmix,
    problem:
      ` mixes images, but ${option('strategy', strategy)} trains on features of them here, since what comes first in the network is ` +
      'frozen. Leave it out, or train everything (full, scratch, or gradual in its last stage).',
  });
}
