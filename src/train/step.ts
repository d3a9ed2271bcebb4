import type { DType, Shape } from '../base/tensor.ts';
import { grad } from '../grad/index.ts';
import { input, type Value } from '../graph/index.ts';
import {
  type BatchNormPolicy,
  type CrossEntropyOptions,
  crossEntropy,
  type Noise,
  Scope,
  type Trace,
  type Variable,
} from '../nn/index.ts';
import { add, argMax, cast, equal, mul, reduceSum } from '../ops/index.ts';
import type { Optimizer, ParameterSetting } from '../optim/index.ts';

/** A network as training sees it: from one batch of inputs to logits, whatever the inputs are. */
export interface Network {
  /** Of one input, without the batch axis: u8 (3, h, w) pictures, or f32 features at a freeze boundary. */
  readonly input: { readonly dtype: DType; readonly shape: Shape };
  forward(s: Scope, x: Value): Value;
  /** Further logits that `forward` notes, and the weight of their loss in training. */
  readonly auxiliary?: { readonly endpoint: string; readonly weight: number };
}

/** A graph to compile, with what must be known to feed it. */
export interface StepGraph {
  readonly outputs: Readonly<Record<string, Value>>;
  readonly variables: ReadonlyMap<string, Variable>;
  readonly noise: readonly Noise[];
}

/** The names of a step's inputs and outputs that are not parameters. No parameter path contains a slash. */
export const feedNames = { input: 'batch/input', labels: 'batch/labels', weights: 'batch/weights' } as const;
export const resultNames = { loss: 'result/loss', correct: 'result/correct', logits: 'result/logits' } as const;
export const scalarName = (name: string) => `step/${name}`;
export const slotName = (slot: string, parameter: string) => `optimizer/${slot}/${parameter}`;

/** What a network leaves behind in a dry run at batch size 1. */
export function traceOf(network: Network): Trace {
  const { scope, trace } = Scope.root({ training: false });
  network.forward(scope, input(feedNames.input, network.input.dtype, [1, ...network.input.shape]));
  return trace;
}

/** The variables of a network. */
export function variablesOf(network: Network): ReadonlyMap<string, Variable> {
  return traceOf(network).variables;
}

export interface TrainingStepOptions {
  readonly batchSize: number;
  readonly optimizer: Optimizer;
  /** By parameter name; null or absent: frozen. */
  readonly settings: ReadonlyMap<string, ParameterSetting | null>;
  readonly batchNorm: BatchNormPolicy;
  readonly loss: Omit<CrossEntropyOptions, 'pictureWeights'>;
}

/**
 * Forward, backward and update as one graph. Outputs: the new value of every trained parameter, slot and buffer under
 * the name of the old one, the batch's mean loss and its number of correct answers.
 */
export function trainingStep(network: Network, options: TrainingStepOptions): StepGraph {
  const { batchSize, optimizer, settings, batchNorm } = options;
  const { scope, trace } = Scope.root({ training: true, batchNorm });
  const x = input(feedNames.input, network.input.dtype, [batchSize, ...network.input.shape]);
  const labels = input(feedNames.labels, 'i64', [batchSize]);
  const logits = network.forward(scope, x);
  const main = crossEntropy(logits, labels, options.loss);
  const early = network.auxiliary && trace.endpoints.get(network.auxiliary.endpoint);
  const loss = early ? add(main, mul(crossEntropy(early, labels, options.loss), network.auxiliary.weight)) : main;

  const parameters = [...trace.variables.values()].filter(
    ({ kind, name }) => kind === 'parameter' && settings.get(name),
  );
  const values = parameters.map(({ name }) => trace.values.get(name)!);
  const gradients = grad(loss, values);
  const scalars = stepScalars(optimizer);
  const outputs: Record<string, Value> = {
    [resultNames.loss]: loss,
    [resultNames.correct]: countCorrect(logits, labels),
    ...Object.fromEntries(trace.updates),
  };
  parameters.forEach(({ name, shape }, i) => {
    const slots = Object.fromEntries(optimizer.slots.map((slot) => [slot, input(slotName(slot, name), 'f32', shape)]));
    const updated = optimizer.update(values[i]!, gradients[i]!, slots, scalars, settings.get(name)!);
    outputs[name] = updated.parameter;
    for (const [slot, value] of Object.entries(updated.slots)) outputs[slotName(slot, name)] = value;
  });
  return { outputs, variables: trace.variables, noise: trace.noise };
}

function stepScalars(optimizer: Optimizer): { learningRate: Value } & Record<string, Value> {
  const scalar = (name: string) => input(scalarName(name), 'f32', []);
  const others = Object.keys(optimizer.scalars(1)).map((name) => [name, scalar(name)] as const);
  return { learningRate: scalar('learningRate'), ...Object.fromEntries(others) };
}

/**
 * The network in evaluation mode on one batch. Outputs: logits (n, classes), the sum of the losses and the number of
 * correct answers, where each picture counts by its weight (0 for padding).
 */
export function evaluationStep(network: Network, batchSize: number, batchNorm: BatchNormPolicy): StepGraph {
  const { scope, trace } = Scope.root({ training: false, batchNorm });
  const logits = network.forward(
    scope,
    input(feedNames.input, network.input.dtype, [batchSize, ...network.input.shape]),
  );
  const labels = input(feedNames.labels, 'i64', [batchSize]);
  const weights = input(feedNames.weights, 'f32', [batchSize]);
  const mean = crossEntropy(logits, labels, { pictureWeights: weights });
  const outputs = {
    [resultNames.logits]: logits,
    [resultNames.loss]: mul(mean, reduceSum(weights)),
    [resultNames.correct]: countCorrect(logits, labels, weights),
  };
  return { outputs, variables: trace.variables, noise: trace.noise };
}

function countCorrect(logits: Value, labels: Value, weights?: Value): Value {
  const hits = cast(equal(argMax(logits, 1), labels), 'f32');
  return reduceSum(weights ? mul(hits, weights) : hits);
}
