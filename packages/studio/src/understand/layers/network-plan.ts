import { input } from '@graft-ml/core/graph';
import { type Shape, sizeOf } from '@graft-ml/core/internal/base/tensor';
import { batchNormOf } from '@graft-ml/core/internal/fit/image-stage';
import { imageNetwork, parameterTable } from '@graft-ml/core/internal/fit/network';
import { epochsBefore } from '@graft-ml/core/internal/fit/stage';
import { feedNames, traceOf } from '@graft-ml/core/internal/fit/step';
import {
  type PlannedStage,
  parseConfig,
  planOf,
  type ResolvedConfig,
  resolveConfig,
  type StrategyName,
  strategies,
  strategyNames,
  type TrainConfigInput,
} from '@graft-ml/core/internal/recipe/index';
import { type StageWork, trainingWork } from '@graft-ml/core/internal/recipe/training-work';
import { getModel } from '@graft-ml/core/models';
import { type BatchNormPolicy, Scope, type Trace } from '@graft-ml/core/nn';
import { countFlops } from '@graft-ml/core/ops';

/** The options of a plan that the page asks for. */
export interface PlanQuestion {
  /** A model of the zoo. */
  readonly model: string;
  /** The classes of the images, and how many there are to train on. */
  readonly classes: number;
  readonly images: number;
  readonly config: Omit<TrainConfigInput, 'model'>;
}

/** A network, and who is trained in which stage: all of it computed by the plan that training itself goes by. */
export interface NetworkPlan {
  readonly model: string;
  /** The side of the images that it sees, in pixels. */
  readonly side: number;
  readonly source: string;
  readonly strategy: StrategyName;
  /** The strategies that there are. */
  readonly strategies: readonly { readonly name: StrategyName; readonly description: string }[];
  /** The options that only some strategies look at, of those that this one does. */
  readonly options: readonly string[];
  /** Options as they are where they are not given. */
  readonly resolved: Pick<ResolvedConfig, 'epochs' | 'probe' | 'learningRate' | 'backboneRate'>;
  readonly blocks: readonly PlannedBlock[];
  readonly stages: readonly StagePlan[];
  /** The operations of one image through the whole network. */
  readonly forwardFlops: number;
  /** Whether a probe decides what is trained after the stages that are known. */
  readonly isOpen: boolean;
  /** The same training with everything trained, for comparison. */
  readonly fullFlops: number;
}

export interface PlannedBlock {
  readonly name: string;
  /** Of one image: (c, h, w) or (f). */
  readonly output: Shape;
  /** Numbers that can be trained. */
  readonly parameters: number;
  readonly isHead: boolean;
  readonly batchNorms: number;
  readonly tensors: readonly { readonly name: string; readonly shape: Shape }[];
}

export interface StagePlan {
  readonly name: string;
  /** Its first and last, from 1. */
  readonly epochs: readonly [first: number, last: number];
  /** By block, in their order. */
  readonly blocks: readonly BlockState[];
  readonly work: StageWork;
  /** Of the whole stage. */
  readonly flops: number;
}

/** A block in a stage. */
export interface BlockState {
  /** Numbers that are trained. */
  readonly trained: number;
  /** The peak learning rates in it, the highest first. */
  readonly rates: readonly number[];
  /** The peak learning rate of each of its tensors; null: it is frozen. */
  readonly byTensor: readonly (number | null)[];
  /** The statistics that its batch norms use; null where it has none. */
  readonly batchNorm: BatchNormPolicy | 'mixed' | null;
}

/**
 * A model of the zoo with the stages of its training by these options.
 * @throws UserError for options that contradict each other, or leave nothing to train
 */
export function networkPlan({ model: name, classes, images, config }: PlanQuestion): NetworkPlan {
  const model = getModel(name);
  const { preprocessing } = model;
  const resolved = resolveConfig(parseConfig({ ...config, model: name }));
  const network = imageNetwork(model, preprocessing, classes);
  const trace = traceOf(network);
  const table = parameterTable(network, model);
  const plan = planOf(resolved, table);
  const workOf = (of: ResolvedConfig) => trainingWork(model, { config: of, preprocessing, classes, images });
  const blocks = [...trace.blocks].map(([block, names]): PlannedBlock => {
    const own = names.filter((each) => table.parameters.has(each));
    const tensors = own.map((each) => ({ name: each, shape: table.parameters.get(each)! }));
    return {
      name: block,
      output: outputOf(trace, block),
      parameters: tensors.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
      isHead: own.length > 0 && own.every((each) => table.head.has(each)),
      batchNorms: batchNormsIn(names).length,
      tensors,
    };
  });
  const works = workOf(resolved);
  const stages = plan.map((stage, i): StagePlan => {
    const first = epochsBefore(plan, i) + 1;
    return {
      name: stage.name,
      epochs: [first, first + stage.epochs - 1],
      blocks: blocks.map((block) => stateOf(block, trace.blocks.get(block.name)!, stage, resolved)),
      work: works[i]!,
      flops: flopsOf(works[i]!),
    };
  });
  const { epochs, probe, learningRate, backboneRate } = resolved;
  const { isDecidedByProbe = false, options } = strategies[resolved.strategy];
  const [full] = workOf(
    resolveConfig(parseConfig({ model: name, strategy: 'full', epochs: epochsBefore(plan, plan.length) })),
  );
  return {
    model: name,
    side: preprocessing.crop,
    source: model.source,
    strategy: resolved.strategy,
    strategies: strategyNames.map((each) => ({ name: each, description: strategies[each].description })),
    options,
    resolved: { epochs, probe, learningRate, backboneRate },
    blocks,
    stages,
    forwardFlops: forwardFlopsOf(network),
    isOpen: isDecidedByProbe,
    fullFlops: flopsOf(full!),
  };
}

/** Shapes are those of one image. */
function outputOf({ endpoints }: Trace, block: string): Shape {
  const output = endpoints.get(block) ?? endpoints.get('logits');
  return output?.shape.slice(1) ?? [];
}

/** The paths of the batch norms among these variables. */
function batchNormsIn(variables: readonly string[]): string[] {
  const mean = '.running_mean';
  return variables.flatMap((name) => (name.endsWith(mean) ? [name.slice(0, -mean.length)] : []));
}

function stateOf(
  { tensors }: PlannedBlock,
  variables: readonly string[],
  { settings }: PlannedStage,
  config: ResolvedConfig,
): BlockState {
  const byTensor = tensors.map(({ name }) => {
    const rate = settings.get(name)?.rate;
    return rate === undefined ? null : rate * config.learningRate;
  });
  const policyOf = batchNormOf(settings, config.batchNorm);
  const policies = [...new Set(batchNormsIn(variables).map(policyOf))];
  return {
    trained: tensors.reduce((sum, { shape }, i) => sum + (byTensor[i] === null ? 0 : sizeOf(shape)), 0),
    rates: [...new Set(byTensor.filter((rate) => rate !== null))].sort((a, b) => b - a),
    byTensor,
    batchNorm: policies.length > 1 ? 'mixed' : (policies[0] ?? null),
  };
}

function flopsOf({ epochs, flopsPerStep, stepsPerEpoch, frozenFlops }: StageWork): number {
  return epochs * stepsPerEpoch * flopsPerStep + frozenFlops.reduce((a, b) => a + b, 0);
}

function forwardFlopsOf(network: ReturnType<typeof imageNetwork>): number {
  const { scope } = Scope.root({ training: false });
  const image = input(feedNames.input, network.input.dtype, [1, ...network.input.shape]);
  return countFlops([network.forward(scope, image)]).total;
}
