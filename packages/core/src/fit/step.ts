import { ShapeError } from '../base/errors.ts';
import { type TensorType, zeros } from '../base/tensor.ts';
import { grad } from '../grad/index.ts';
import { constant, input, typeOf, type Value } from '../graph/index.ts';
import {
  type BatchNormPolicy,
  type Loss,
  type MixedTargets,
  meanOf,
  mixedLoss,
  type Noise,
  Scope,
  type Trace,
  type Variable,
} from '../nn/index.ts';
import { add, div, mul, reduceSum, sub } from '../ops/index.ts';
import {
  type Optimizer,
  type ParameterSetting,
  type StepScalars,
  scalarInputs,
  scalarName,
  slotName,
} from '../optim/index.ts';

/** A network as training sees it: from one batch of inputs to one of outputs, whatever these are. */
export interface Network {
  /** The type of one input, without the batch axis: u8 (3, h, w) images, or f32 features at a freeze boundary. */
  readonly input: TensorType;
  /** Inputs (n, …) to outputs (n, …): logits, numbers, whatever the loss takes. */
  forward(s: Scope, x: Value): Value;
  /** A further output that `forward` notes as an endpoint, and the weight of its loss in training. */
  readonly auxiliary?: { readonly endpoint: string; readonly weight: number };
  /**
   * Whether each row of the outputs depends on that row of the inputs alone, but for batch norms that use their batch's
   * own statistics. Default: it is not known.
   */
  readonly isRowwise?: boolean | undefined;
}

/** A graph to compile, with what must be known to feed it. */
export interface StepGraph {
  readonly outputs: Readonly<Record<string, Value>>;
  readonly variables: ReadonlyMap<string, Variable>;
  readonly noise: readonly Noise[];
}

/** The names of a step's inputs and outputs that are not parameters. No parameter path contains a slash. */
export const feedNames = {
  input: 'batch/input',
  targets: 'batch/targets',
  weights: 'batch/weights',
  partners: 'batch/partners',
  share: 'batch/share',
} as const;
export const resultNames = { loss: 'result/loss', outputs: 'result/outputs' } as const;
export { scalarName, slotName };
/** The sum of the gradients of the batches that make one step. */
export const sumName = (parameter: string) => `sum/${parameter}`;
/** The factor on the sum of all batches' gradients, where their number is not known beforehand. */
export const gatheredShare = 'step/gathered-share';
/** The moving average of a variable. */
export const averageName = (variable: string) => `average/${variable}`;
/** The decay of the moving averages, which begins low. */
export const averageDecay = 'step/average-decay';

/** The trace of a network's dry run at batch size 1. */
export function traceOf(network: Network): Trace {
  const { scope, trace } = Scope.root({ training: false });
  network.forward(scope, input(feedNames.input, network.input.dtype, [1, ...network.input.shape]));
  return trace;
}

/** The variables of a network. */
export function variablesOf(network: Network): ReadonlyMap<string, Variable> {
  return traceOf(network).variables;
}

/** The setting of one parameter; those of a group share their learning rate and their count of steps. */
export interface StepSetting extends ParameterSetting {
  /** Default: the group without a name. */
  readonly group?: string;
}

export interface TrainingStepOptions {
  readonly batchSize: number;
  readonly optimizer: Optimizer;
  /** Settings by parameter name; null or absent: frozen. */
  readonly settings: ReadonlyMap<string, StepSetting | null>;
  readonly batchNorm: BatchNormPolicy | ((path: string) => BatchNormPolicy);
  readonly loss: Loss;
  /** The type of one target, without the batch axis. Default: a label, i64 (). */
  readonly target?: TensorType | undefined;
  /** Clips all gradients together, before the optimizer sees them. */
  readonly clip?: ((gradients: readonly Value[]) => readonly Value[]) | undefined;
  /**
   * Batches whose mean gradient makes one step. With more than one, the others go through `gatheringStep`. `fed`: any
   * number of them, the gradients of which are summed up and multiplied by what `gatheredShare` is fed, 1 / number.
   * Default 1.
   */
  readonly accumulate?: number | 'fed';
  /** Is fed batches of mixed images, with the targets of both. Default false. */
  readonly mixes?: boolean | undefined;
  /** Keeps moving averages of all that a step changes. Default false. */
  readonly average?: boolean;
}

/**
 * Forward, backward and update as one graph. Outputs: the new value of every trained parameter, slot and buffer under
 * the name of the old one, the batch's mean loss, and the network's outputs for it.
 */
export function trainingStep(network: Network, options: TrainingStepOptions): StepGraph {
  const { optimizer, settings, clip, accumulate = 1, average = false } = options;
  const { trace, outputs, parameters, gradients: own } = forwardAndBackward(network, options);
  const isSum = accumulate !== 1;
  const sums = isSum ? parameters.map((name, i) => add(sumOf(name, own[i]!), own[i]!)) : own;
  if (isSum)
    parameters.forEach((name, i) => {
      outputs[sumName(name)] = constant(zeros('f32', own[i]!.shape));
    });
  const share = accumulate === 'fed' ? input(gatheredShare, 'f32', []) : null;
  const gradients = new Map(
    parameters.map((name, i) => {
      const gradient = share ? mul(sums[i]!, share) : sums[i]!;
      return [name, { value: trace.values.get(name)!, gradient }] as const;
    }),
  );
  Object.assign(outputs, updateStep(gradients, { optimizer, settings, clip, average: false }));
  if (average)
    Object.assign(
      outputs,
      averages(outputs, (name) => trace.variables.has(name)),
    );
  return { outputs, variables: trace.variables, noise: trace.noise };
}

/** A parameter as it is, and its gradient. */
export interface Slope {
  readonly value: Value;
  readonly gradient: Value;
}

/** One step of the optimizer on parameters whose gradients are there. Outputs: new values under the old names. */
export function updateStep(
  slopes: ReadonlyMap<string, Slope>,
  { optimizer, settings, clip, average }: Pick<TrainingStepOptions, 'optimizer' | 'settings' | 'clip' | 'average'>,
): Record<string, Value> {
  const outputs: Record<string, Value> = {};
  const own = [...slopes.values()].map(({ gradient }) => gradient);
  const gradients = clip ? clip(own) : own;
  const groups = new Map<string, StepScalars>();
  [...slopes].forEach(([name, { value }], i) => {
    const { shape } = value;
    const slots = Object.fromEntries(optimizer.slots.map((slot) => [slot, input(slotName(slot, name), 'f32', shape)]));
    const setting = settings.get(name)!;
    const { group = '' } = setting;
    const scalars = groups.get(group) ?? scalarInputs(optimizer, group);
    groups.set(group, scalars);
    const updated = optimizer.update(value, gradients[i]!, slots, scalars, setting);
    outputs[name] = updated.parameter;
    for (const [slot, kept] of Object.entries(updated.slots)) outputs[slotName(slot, name)] = kept;
  });
  if (average)
    Object.assign(
      outputs,
      averages(outputs, (name) => slopes.has(name)),
    );
  return outputs;
}

/** A batch whose gradients are only added up, for the training step after it. */
export function gatheringStep(network: Network, options: TrainingStepOptions): StepGraph {
  const { trace, outputs, parameters, gradients } = forwardAndBackward(network, options);
  parameters.forEach((name, i) => {
    outputs[sumName(name)] = add(sumOf(name, gradients[i]!), gradients[i]!);
  });
  return { outputs, variables: trace.variables, noise: trace.noise };
}

const sumOf = (parameter: string, { shape }: Value) => input(sumName(parameter), 'f32', shape);

/**
 * The forward and backward pass, with which every step begins. The gradients are this batch's part of the step's mean.
 */
export function forwardAndBackward(network: Network, options: TrainingStepOptions) {
  const { batchSize, settings, batchNorm, mixes = false, accumulate = 1, target = label } = options;
  const { scope, trace } = Scope.root({ training: true, batchNorm });
  const x = input(feedNames.input, network.input.dtype, [batchSize, ...network.input.shape]);
  const targets = input(feedNames.targets, target.dtype, [batchSize, ...target.shape]);
  const result = network.forward(scope, x);
  const loss = checkedLoss(options.loss, batchSize);
  const lossOf = (of: Value) => (mixes ? mixedLoss(loss, of, mixedTargets(targets)) : meanOf(loss(of, targets)));
  const main = lossOf(result);
  const early = network.auxiliary && trace.endpoints.get(network.auxiliary.endpoint);
  const total = early ? add(main, mul(lossOf(early), network.auxiliary.weight)) : main;
  const parameters = [...trace.variables.values()].flatMap(({ kind, name }) =>
    kind === 'parameter' && settings.get(name) ? [name] : [],
  );
  const gradients = grad(
    accumulate === 1 || accumulate === 'fed' ? total : mul(total, 1 / accumulate),
    parameters.map((name) => trace.values.get(name)!),
  );
  const outputs: Record<string, Value> = {
    [resultNames.loss]: total,
    [resultNames.outputs]: result,
    ...Object.fromEntries(trace.updates),
  };
  return { trace, outputs, parameters, gradients };
}

/** The type of a target by default: the number of a class. */
export const label: TensorType = { dtype: 'i64', shape: [] };

/** The loss, where it gives what a loss gives. @throws ShapeError */
function checkedLoss(loss: Loss, batchSize: number): Loss {
  return (output, target) => {
    const value = loss(output, target);
    const isLoss = value.shape.length === 0 || (value.shape.length === 1 && value.shape[0] === batchSize);
    if (isLoss && value.dtype === 'f32') return value;
    const expected = `a scalar f32, or one f32 per example, f32[${batchSize}]`;
    throw new ShapeError({ op: 'loss', expected, received: typeOf(value) });
  };
}

function mixedTargets(targets: Value): MixedTargets {
  const partners = input(feedNames.partners, targets.dtype, targets.shape);
  return { targets, partners, share: input(feedNames.share, 'f32', []) };
}

/** a ← d·a + (1-d)·v for every f32 variable that the step changes. */
function averages(
  outputs: Readonly<Record<string, Value>>,
  isVariable: (name: string) => boolean,
): Record<string, Value> {
  const decay = input(averageDecay, 'f32', []);
  const changed = Object.entries(outputs).filter(([name, { dtype }]) => isVariable(name) && dtype === 'f32');
  return Object.fromEntries(
    changed.map(([name, value]) => {
      const before = input(averageName(name), 'f32', value.shape);
      return [averageName(name), add(mul(before, decay), mul(value, sub(1, decay)))];
    }),
  );
}

export interface EvaluationStepOptions {
  readonly batchSize: number;
  readonly batchNorm: BatchNormPolicy;
  readonly loss: Loss;
  /** The type of one target, without the batch axis. Default: a label, i64 (). */
  readonly target?: TensorType | undefined;
}

/**
 * The network in evaluation mode on one batch. Outputs: the network's (n, …), and where the loss gives one number per
 * example the sum of these, each counted by its weight (0 for padding). A loss that is one number for a batch cannot be
 * told apart in it: `lossOfOutputs` computes it.
 */
export function evaluationStep(network: Network, options: EvaluationStepOptions): StepGraph {
  const { batchSize, batchNorm, target = label } = options;
  const { scope, trace } = Scope.root({ training: false, batchNorm });
  const x = input(feedNames.input, network.input.dtype, [batchSize, ...network.input.shape]);
  const result = network.forward(scope, x);
  const targets = input(feedNames.targets, target.dtype, [batchSize, ...target.shape]);
  const weights = input(feedNames.weights, 'f32', [batchSize]);
  const losses = checkedLoss(options.loss.evaluation ?? options.loss, batchSize)(result, targets);
  const outputs: Record<string, Value> = { [resultNames.outputs]: result };
  if (losses.shape.length === 1) {
    const mean = div(reduceSum(mul(losses, weights)), reduceSum(weights));
    outputs[resultNames.loss] = mul(mean, reduceSum(weights));
  }
  return { outputs, variables: trace.variables, noise: trace.noise };
}

/** A loss of outputs that are known: of so many examples, with one output and one target as these are. */
export function lossOfOutputs(loss: Loss, output: TensorType, target: TensorType, count: number): Value {
  const outputs = input(resultNames.outputs, output.dtype, [count, ...output.shape]);
  const targets = input(feedNames.targets, target.dtype, [count, ...target.shape]);
  return meanOf(checkedLoss(loss.evaluation ?? loss, count)(outputs, targets));
}
