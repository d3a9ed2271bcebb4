import type { DecodedNode } from '../graph/index.ts';
import { foldConstants } from './fold-constants.ts';
import type { OnnxModel, OnnxTensor } from './onnx-model.ts';
import { FreshNames, f32Tensor, floatsOf, makersOf, numberOf, onlyConsumerIn, withoutUnused } from './onnx-numbers.ts';

/** y = x · factor + term, with one number of each for every channel. */
export interface ChannelAffine {
  readonly factor: Float64Array;
  readonly term: Float64Array;
}

/**
 * Folds what follows a convolution channel by channel into its weights and bias: sums and products with constants, as
 * batch norms are in Graft's graphs. W' = W · s and b' = b · s + t for each output channel, in double precision, rounded
 * once. Constants are computed first. A convolution whose output is read elsewhere, too, stays as it is.
 *
 * @returns a model with the same inputs and outputs, whose numbers differ by rounding alone
 */
export function foldBatchNorms(model: OnnxModel): OnnxModel {
  const simple = foldConstants(model);
  const initializers = new Map(simple.initializers);
  const names = new FreshNames(simple);
  const onlyConsumer = onlyConsumerIn(simple);
  const replaced = new Map<DecodedNode, readonly DecodedNode[]>();
  for (const node of simple.nodes) {
    const found = affineAfter(node, initializers, onlyConsumer);
    if (!found || found.nodes.length === 0) continue;
    const [x, weight] = node.inputs;
    const [newWeight, newBias] = [names.take(`${weight}_folded`), names.take(`${weight}_folded_bias`)];
    const { factor, term } = found.affine;
    initializers.set(newWeight, scaledRows(initializers.get(weight!)!, factor));
    initializers.set(newBias, f32Tensor([term.length], Float32Array.from(term)));
    for (const gone of found.nodes) replaced.set(gone, []);
    replaced.set(node, [{ ...node, inputs: [x!, newWeight, newBias], outputs: found.nodes.at(-1)!.outputs }]);
  }
  const nodes = simple.nodes.flatMap((node) => replaced.get(node) ?? [node]);
  return withoutUnused(mergeFactors({ ...simple, nodes, initializers }));
}

/** The nodes after a convolution that compute channel by channel, and what they and its bias come to. */
function affineAfter(
  { operator, domain, inputs, outputs }: DecodedNode,
  initializers: ReadonlyMap<string, OnnxTensor>,
  onlyConsumer: (name: string) => DecodedNode | undefined,
): { readonly affine: ChannelAffine; readonly nodes: readonly DecodedNode[] } | undefined {
  const [, weightName = '', biasName = ''] = inputs;
  const weight = initializers.get(weightName);
  const bias = initializers.get(biasName);
  if (operator !== 'Conv' || domain !== '' || weight?.dtype !== 'f32' || (biasName !== '' && !bias)) return undefined;
  const [channels, rank] = [weight.shape[0]!, weight.shape.length];
  const factor = new Float64Array(channels).fill(1);
  const term = bias ? Float64Array.from(floatsOf(bias)) : new Float64Array(channels);
  const nodes: DecodedNode[] = [];
  let output = outputs[0]!;
  for (let next = onlyConsumer(output); next; next = onlyConsumer(output)) {
    const step = channelAffine(next, output, initializers, { channels, rank });
    if (!step) break;
    for (let i = 0; i < channels; i++) {
      factor[i]! *= step.factor[i]!;
      term[i] = term[i]! * step.factor[i]! + step.term[i]!;
    }
    nodes.push(next);
    output = next.outputs[0]!;
  }
  return { affine: { factor, term }, nodes };
}

/**
 * The sum or product with a constant that a node computes of `x`, where the constant has one number, or one for each of
 * the channels on axis 1 of x.
 */
export function channelAffine(
  { operator, domain, inputs }: DecodedNode,
  x: string,
  initializers: ReadonlyMap<string, OnnxTensor>,
  { channels, rank }: { readonly channels: number; readonly rank: number },
): ChannelAffine | undefined {
  const [left, right] = inputs;
  const isFirst = left === x;
  const constant = initializers.get((isFirst ? right : left) ?? '');
  if (domain !== '' || inputs.length !== 2 || constant?.dtype !== 'f32') return undefined;
  const numbers = perChannel(constant, channels, rank);
  if (!numbers) return undefined;
  const ones = (value: number) => new Float64Array(channels).fill(value);
  if (operator === 'Add') return { factor: ones(1), term: numbers };
  if (operator === 'Mul') return { factor: numbers, term: ones(0) };
  if (operator === 'Sub') {
    return isFirst ? { factor: ones(1), term: numbers.map((value) => -value) } : { factor: ones(-1), term: numbers };
  }
  if (operator === 'Div' && isFirst) return { factor: numbers.map((value) => 1 / value), term: ones(0) };
  return undefined;
}

function perChannel(constant: OnnxTensor, channels: number, rank: number): Float64Array | undefined {
  const { shape } = constant;
  if (shape.length > rank) return undefined;
  const values = floatsOf(constant);
  if (values.length === 1) return new Float64Array(channels).fill(values[0]!);
  const isOnChannels = shape.every((size, i) => size === (i === shape.length - rank + 1 ? channels : 1));
  return isOnChannels && values.length === channels ? Float64Array.from(values) : undefined;
}

function scaledRows(weight: OnnxTensor, factor: Float64Array): OnnxTensor {
  const values = floatsOf(weight);
  const row = values.length / factor.length;
  const scaled = new Float32Array(values.length);
  for (let i = 0; i < values.length; i++) scaled[i] = values[i]! * factor[Math.floor(i / row)]!;
  return f32Tensor(weight.shape, scaled);
}

/**
 * Products with one number after each other become one, and none where they cancel: a mean over a window is a sum of
 * shares, times the window's size, divided by it.
 */
function mergeFactors(model: OnnxModel): OnnxModel {
  const initializers = new Map(model.initializers);
  const names = new FreshNames(model);
  const results = new Set(model.outputs.map(({ name }) => name));
  const renamed = new Map<string, string>();
  const makers = makersOf(model);
  const nodes: DecodedNode[] = [];
  for (const original of model.nodes) {
    const node = { ...original, inputs: original.inputs.map((name) => renamed.get(name) ?? name) };
    const output = node.outputs[0]!;
    const { x, factor } = scaling(node, initializers) ?? {};
    const before = x === undefined ? undefined : scaling(makers.get(x), initializers);
    const product = before && factor !== undefined ? Math.fround(before.factor * factor) : factor;
    const source = before?.x ?? x;
    if (product === 1 && source !== undefined && !results.has(output)) {
      renamed.set(output, source);
    } else if (before && product !== undefined) {
      const constant = names.take(`${output}_factor`);
      initializers.set(constant, f32Tensor([], Float32Array.of(product)));
      const merged = { ...node, inputs: [before.x, constant] };
      makers.set(output, merged);
      nodes.push(merged);
    } else {
      makers.set(output, node);
      nodes.push(node);
    }
  }
  return { ...model, nodes, initializers };
}

/** The product with one number that a node computes. */
function scaling(
  node: DecodedNode | undefined,
  initializers: ReadonlyMap<string, OnnxTensor>,
): { readonly x: string; readonly factor: number } | undefined {
  if (node?.operator !== 'Mul' || node.domain !== '') return undefined;
  const [left = '', right = ''] = node.inputs;
  const [x, constant] = initializers.has(left) ? [right, left] : [left, right];
  const factor = numberOf(initializers.get(constant));
  // A constant of a higher rank would give its rank to the product.
  return factor === undefined || initializers.get(constant)!.shape.length > 0 ? undefined : { x, factor };
}
