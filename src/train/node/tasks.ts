import { clipOf, lossOf, optimizerOf } from '../config/index.ts';
import { pictureNetwork } from '../network.ts';
import type { PlannedStage } from '../plan.ts';
import { epochOrder } from '../sampling.ts';
import { batching, timetableOf } from '../timetable.ts';
import type { TrainingTask } from '../trainer.ts';
import type { Prepared } from './prepare.ts';
import { stageOf } from './stages.ts';

/** What is to be trained, as the trainer takes it. */
export function trainingTask(prepared: Prepared, plan: readonly PlannedStage[]): TrainingTask {
  const { config, model, preprocessing, folder, initial } = prepared;
  const { seed, sampling, ema, patience, batchNorm } = config;
  const network = pictureNetwork(model, preprocessing, folder.classes.length);
  const labels = folder.train.map(({ label }) => label);
  const { stages, stepsPerEpoch, warmup } = timetableOf(config, plan, labels.length);
  const { batchSize, accumulate } = batching(config, labels.length);
  return {
    stages: stages.map((stage) => stageOf(stage, network, prepared)),
    stepsPerEpoch,
    warmup,
    initial,
    optimizer: optimizerOf(config),
    loss: lossOf(config, labels, folder.classes.length),
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
