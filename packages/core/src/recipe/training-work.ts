import { cutBefore } from '../fit/cut.ts';
import { batchNormOf } from '../fit/image-stage.ts';
import { imageNetwork, parameterTable } from '../fit/network.ts';
import {
  feedNames,
  gatheringStep,
  type Network,
  resultNames,
  type TrainingStepOptions,
  trainingStep,
} from '../fit/step.ts';
import { input } from '../graph/index.ts';
import { augmentationOf } from '../image/augment/index.ts';
import type { Architecture, Preprocessing } from '../models/index.ts';
import { crossEntropyLoss, Scope } from '../nn/index.ts';
import { countFlops } from '../ops/index.ts';
import { clipOf, mixingOf, optimizerOf, type ResolvedConfig } from './config/index.ts';
import { type Continuation, type PlannedStage, planOf } from './plan.ts';
import { batching } from './timetable.ts';

/** The subject of a training run, as far as its work depends on it. */
export interface WorkOptions {
  readonly config: ResolvedConfig;
  readonly preprocessing: Preprocessing;
  /** The number of classes. */
  readonly classes: number;
  /** The number of training images. */
  readonly images: number;
  /** The decision of `auto`, where it is made. */
  readonly continuation?: Continuation | undefined;
}

/** The floating-point operations of a stage of training: counted in its graphs, not measured. */
export interface StageWork {
  readonly name: string;
  readonly epochs: number;
  /** The blocks that are trained in it, from input to head. */
  readonly trained: readonly string[];
  /** Of one step: forward, backward and update of what lies behind the frozen layers. */
  readonly flopsPerStep: number;
  /** Of these, the forward pass and its loss. */
  readonly forwardFlopsPerStep: number;
  readonly stepsPerEpoch: number;
  /** Of the frozen layers in front, by epoch: all in the first one where their outputs are computed once. */
  readonly frozenFlops: readonly number[];
}

/**
 * The floating-point operations of training by stage, as the options plan it. Evaluations are not in it, nor what it
 * takes to decode and augment images. Features that another run left in the cache count as if they were computed.
 *
 * @throws UserError where the options make no plan for the model
 */
export function trainingWork(model: Architecture, options: WorkOptions): StageWork[] {
  const { config, preprocessing, classes, continuation } = options;
  const network = imageNetwork(model, preprocessing, classes);
  const table = parameterTable(network, model);
  const plan = planOf(config, table, continuation);
  return plan.map((stage, i) => {
    const trained = [...table.blocks].flatMap(([block, names]) =>
      names.some((name) => stage.settings.get(name)) ? [block] : [],
    );
    const before = plan[i - 1];
    const hasFeatures =
      before !== undefined &&
      before.augments === stage.augments &&
      cutOf(network, before)?.endpoint === cutOf(network, stage)?.endpoint;
    return { name: stage.name, epochs: stage.epochs, trained, ...stageWork(network, stage, options, hasFeatures) };
  });
}

/** The operations of each epoch of a plan, one number an epoch. */
export function flopsByEpoch(work: readonly StageWork[]): number[] {
  return work.flatMap(({ epochs, flopsPerStep, stepsPerEpoch, frozenFlops }) =>
    Array.from({ length: epochs }, (_, i) => flopsPerStep * stepsPerEpoch + (frozenFlops[i] ?? 0)),
  );
}

function cutOf(network: Network, { settings }: PlannedStage) {
  return cutBefore(network, (name) => Boolean(settings.get(name)));
}

/** @param hasFeatures whether the stage before it ended at the same frozen layer, so that their outputs are there */
function stageWork(network: Network, stage: PlannedStage, options: WorkOptions, hasFeatures: boolean) {
  const { config, images } = options;
  const cut = cutOf(network, stage);
  const { batchSize, accumulate, stepsPerEpoch } = batching(config, images);
  const clip = clipOf(config);
  const step: TrainingStepOptions = {
    batchSize,
    accumulate,
    settings: stage.settings,
    optimizer: optimizerOf(config),
    loss: crossEntropyLoss(),
    batchNorm: batchNormOf(stage.settings, config.batchNorm),
    average: config.ema !== null,
    mixes: cut === null && mixingOf(config) !== null,
    ...(clip && { clip }),
  };
  const trained = cut?.network ?? network;
  const { outputs } = trainingStep(trained, step);
  const gathering =
    accumulate > 1 ? (accumulate - 1) * countFlops(Object.values(gatheringStep(trained, step).outputs)).total : 0;
  const flopsPerStep = gathering + countFlops(Object.values(outputs)).total;
  const forwardFlopsPerStep =
    accumulate * countFlops([outputs[resultNames.loss]!, outputs[resultNames.outputs]!]).total;
  const frozen = cut ? flopsBefore(network, cut.endpoint) : 0;
  const isDrawnAnew = stage.augments && config.views === null && augmentationOf(config.augment).length > 0;
  const frozenFlops = Array.from({ length: stage.epochs }, (_, epoch) => {
    if (isDrawnAnew) return frozen * stepsPerEpoch * batchSize * accumulate;
    return epoch === 0 && !hasFeatures ? frozen * images * (stage.augments ? (config.views ?? 1) : 1) : 0;
  });
  return { flopsPerStep, forwardFlopsPerStep, stepsPerEpoch, frozenFlops };
}

/** The operations from an image to an endpoint, in evaluation. */
function flopsBefore(network: Network, endpoint: string): number {
  const { scope, trace } = Scope.root({ training: false });
  network.forward(scope, input(feedNames.input, network.input.dtype, [1, ...network.input.shape]));
  return countFlops([trace.endpoints.get(endpoint)!]).total;
}
