import type { Shape } from '../base/tensor.ts';
import type { DecodedNode } from '../graph/index.ts';
import { type ActivationRange, scaledMeans } from './activation-range.ts';
import type { ActivationRanges } from './calibrate.ts';
import { channelAffine, foldBatchNorms } from './fold-batch-norms.ts';
import { hasWeights, isScalar, takesIntegers } from './integer-operators.ts';
import type { OnnxModel, OnnxTensor } from './onnx-model.ts';
import {
  FreshNames,
  f32Tensor,
  i64Tensor,
  integerAttribute,
  integersOf,
  numberOf,
  onlyConsumerIn,
  onnxNode,
  withoutUnused,
} from './onnx-numbers.ts';

/** A model beside the ranges of its activations. */
export interface RangedModel {
  readonly model: OnnxModel;
  readonly ranges: ActivationRanges;
}

/**
 * The model in operators that ONNX Runtime has 8-bit kernels for. The numbers are the same, apart from rounding:
 *
 * - zeros around the input of a convolution: padding of the convolution itself;
 * - a sum over height and width and a product with 1 / (h · w): GlobalAveragePool;
 * - a product of matrices and a sum with a bias: Gemm, of rows where the activation has more than two axes;
 * - a ReLU after MaxPool: before it, where the range of a convolution does its work;
 * - HardSigmoid(x; α, β) after integers: α · clip(x + β / α, 0, 1 / α), whose product is a change of scale alone;
 * - sums and products channel by channel after integers that no convolution can take up, because a ReLU or a
 *   concatenation comes in between: a depthwise convolution of 1 x 1, whose weights are exact at any scale.
 */
export function withIntegerOperators({ model, ranges }: RangedModel): RangedModel {
  const pooled = withGlobalPools({ model: withPaddedConvolutions(model), ranges });
  const clipped = withClippedSigmoids(withReluBeforePool(withGemms(pooled)));
  return { ...clipped, model: withDepthwiseAffines(clipped) };
}

/** Replaces nodes; those that are replaced by others stand where they stood. */
function replaceNodes(
  model: OnnxModel,
  replaced: ReadonlyMap<DecodedNode, readonly DecodedNode[]>,
  added: ReadonlyMap<string, OnnxTensor>,
): OnnxModel {
  const nodes = model.nodes.flatMap((node) => replaced.get(node) ?? [node]);
  return withoutUnused({ ...model, nodes, initializers: new Map([...model.initializers, ...added]) });
}

function withPaddedConvolutions(model: OnnxModel): OnnxModel {
  const consumer = onlyConsumerIn(model);
  const replaced = new Map<DecodedNode, readonly DecodedNode[]>();
  for (const pad of model.nodes) {
    const around = pad.operator === 'Pad' ? zerosAround(pad, model.initializers) : undefined;
    const convolution = around && consumer(pad.outputs[0]!);
    if (!around || convolution?.operator !== 'Conv' || convolution.inputs[0] !== pad.outputs[0]) continue;
    const own = convolution.attributes.get('pads');
    const automatic = convolution.attributes.get('auto_pad');
    if (automatic && !(automatic.kind === 'string' && automatic.value === 'NOTSET')) continue;
    const pads = around.map((size, i) => size + (own?.kind === 'ints' ? own.value[i]! : 0));
    const attributes = new Map([...convolution.attributes, ['pads', { kind: 'ints', value: pads } as const]]);
    replaced.set(pad, []);
    replaced.set(convolution, [
      { ...convolution, inputs: [pad.inputs[0]!, ...convolution.inputs.slice(1)], attributes },
    ]);
  }
  return replaceNodes(model, replaced, new Map());
}

/** The sizes of zeros that a Pad puts around height and width, as a convolution has them. */
function zerosAround(
  { inputs, attributes }: DecodedNode,
  initializers: OnnxModel['initializers'],
): number[] | undefined {
  const [, sizesName = '', valueName = '', axes = ''] = inputs;
  const sizes = initializers.get(sizesName);
  const mode = attributes.get('mode');
  const isZero = valueName === '' || numberOf(initializers.get(valueName)) === 0;
  if (sizes?.dtype !== 'i64' || !isZero || axes !== '' || (mode?.kind === 'string' && mode.value !== 'constant')) {
    return undefined;
  }
  const all = integersOf(sizes);
  const rank = all.length / 2;
  const around = [...all.slice(2, rank), ...all.slice(rank + 2)];
  const isOnlyAround = [all[0], all[1], all[rank], all[rank + 1]].every((size) => size === 0);
  return rank > 2 && isOnlyAround && around.every((size) => size >= 0) ? around : undefined;
}

function withGlobalPools({ model, ranges }: RangedModel): RangedModel {
  const { nodes, initializers } = model;
  const names = new FreshNames(model);
  const consumer = onlyConsumerIn(model);
  const replaced = new Map<DecodedNode, readonly DecodedNode[]>();
  const known = new Map(ranges);
  for (const node of nodes) {
    const [x = '', axesName = ''] = node.inputs;
    const shape = ranges.get(x)?.shape ?? [];
    const axes = initializers.get(axesName);
    const product = node.operator === 'ReduceSum' ? consumer(node.outputs[0]!) : undefined;
    if (!product || shape.length !== 4 || axes?.dtype !== 'i64' || product.operator !== 'Mul') continue;
    const reduced = integersOf(axes).map((axis) => (axis < 0 ? axis + 4 : axis));
    const factor = product.inputs.map((name) => numberOf(initializers.get(name))).find((value) => value !== undefined);
    const isMean = factor !== undefined && Math.abs(factor * shape[2]! * shape[3]! - 1) < 1e-5;
    if (!isMean || reduced.toSorted().join() !== '2,3') continue;
    const output = product.outputs[0]!;
    replaced.set(node, []);
    if (integerAttribute(node, 'keepdims', 1) === 1) {
      replaced.set(product, [onnxNode('GlobalAveragePool', [x], output)]);
      continue;
    }
    const mean = names.take(`${output}_mean`);
    known.set(mean, { ...ranges.get(output)!, shape: [...shape.slice(0, 2), 1, 1] });
    replaced.set(product, [onnxNode('GlobalAveragePool', [x], mean), onnxNode('Flatten', [mean], output)]);
  }
  return { model: replaceNodes(model, replaced, new Map()), ranges: known };
}

function withGemms({ model, ranges }: RangedModel): RangedModel {
  const { nodes, initializers } = model;
  const consumer = onlyConsumerIn(model);
  const names = new FreshNames(model);
  const replaced = new Map<DecodedNode, readonly DecodedNode[]>();
  const added = new Map<string, OnnxTensor>();
  const known = new Map(ranges);
  for (const node of nodes) {
    const [x = '', weight = ''] = node.inputs;
    const output = node.outputs[0]!;
    const range = ranges.get(x);
    if (node.operator !== 'MatMul' || !hasWeights(node, initializers) || !range) continue;
    const { shape } = range;
    const [depth, width] = initializers.get(weight)!.shape;
    const sum = consumer(output);
    const bias = sum?.operator === 'Add' ? sum.inputs.find((name) => name !== output) : undefined;
    const isBias = bias !== undefined && initializers.get(bias)?.shape.join() === `${width}`;
    // A session makes a Gemm of a product and a sum of any rank, and an integer one only if both are in it already.
    if (shape.length !== 2 && !isBias) continue;
    const result = isBias ? sum!.outputs[0]! : output;
    const factors = isBias ? [weight, bias] : [weight];
    if (isBias) replaced.set(node, []);
    if (shape.length === 2) {
      replaced.set(isBias ? sum! : node, [onnxNode('Gemm', [x, ...factors], result)]);
      continue;
    }
    const [rows, products] = [names.take(`${result}_rows`), names.take(`${result}_products`)];
    const [toRows, fromRows] = [names.take(`${result}_to_rows`), names.take(`${result}_from_rows`)];
    added.set(toRows, i64Tensor([-1, depth!]));
    added.set(fromRows, i64Tensor([-1, ...shape.slice(1, -1), width!]));
    const count = shape.slice(0, -1).reduce((product, size) => product * size, 1);
    known.set(rows, { ...range, shape: [count, depth!] });
    known.set(products, { ...ranges.get(result)!, shape: [count, width!] });
    replaced.set(sum!, [
      onnxNode('Reshape', [x, toRows], rows),
      onnxNode('Gemm', [rows, ...factors], products),
      onnxNode('Reshape', [products, fromRows], result),
    ]);
  }
  return { model: replaceNodes(model, replaced, added), ranges: known };
}

function withReluBeforePool({ model, ranges }: RangedModel): RangedModel {
  const consumer = onlyConsumerIn(model);
  const names = new FreshNames(model);
  const replaced = new Map<DecodedNode, readonly DecodedNode[]>();
  const known = new Map(ranges);
  for (const pool of model.nodes) {
    const [x = ''] = pool.inputs;
    const relu = pool.operator === 'MaxPool' ? consumer(pool.outputs[0]!) : undefined;
    if (relu?.operator !== 'Relu' || consumer(x) !== pool || !ranges.has(x)) continue;
    const output = relu.outputs[0]!;
    const clipped = names.take(`${output}_before_pool`);
    known.set(clipped, { ...ranges.get(output)!, shape: ranges.get(x)!.shape });
    replaced.set(pool, [onnxNode('Relu', [x], clipped), { ...pool, inputs: [clipped], outputs: [output] }]);
    replaced.set(relu, []);
  }
  return { model: replaceNodes(model, replaced, new Map()), ranges: known };
}

/** The values that nodes with weights make, and those that are made of them by operators on integers. */
function integerValues({ nodes, initializers }: OnnxModel, ranges: ActivationRanges): Set<string> {
  const values = new Set<string>();
  for (const node of nodes) {
    const isInteger =
      hasWeights(node, initializers) ||
      takesIntegers(node, values, initializers) ||
      (values.has(node.inputs[0] ?? '') && node.operator === 'HardSigmoid') ||
      affineOn(node, values, ranges, initializers) !== undefined;
    if (isInteger) values.add(node.outputs[0]!);
  }
  return values;
}

/** The sum or product channel by channel that a node computes of one of the values. */
function affineOn(
  node: DecodedNode,
  values: ReadonlySet<string>,
  ranges: ActivationRanges,
  initializers: OnnxModel['initializers'],
) {
  const x = node.inputs.find((name) => values.has(name));
  const shape = ranges.get(x ?? '')?.shape;
  if (x === undefined || shape?.length !== 4) return undefined;
  const affine = channelAffine(node, x, initializers, { channels: shape[1]!, rank: 4 });
  return affine && { x, affine };
}

function withClippedSigmoids({ model, ranges }: RangedModel): RangedModel {
  const values = integerValues(model, ranges);
  const names = new FreshNames(model);
  const replaced = new Map<DecodedNode, readonly DecodedNode[]>();
  const added = new Map<string, OnnxTensor>();
  const known = new Map(ranges);
  const constant = (name: string, value: number) => {
    const fresh = names.take(name);
    added.set(fresh, f32Tensor([], Float32Array.of(value)));
    return fresh;
  };
  for (const node of model.nodes) {
    const [x = ''] = node.inputs;
    if (node.operator !== 'HardSigmoid' || !values.has(x)) continue;
    const output = node.outputs[0]!;
    const [alpha, beta] = [floatAttribute(node, 'alpha', 0.2), floatAttribute(node, 'beta', 0.5)];
    const range = ranges.get(output);
    if (!range || alpha <= 0) continue;
    const [moved, clipped] = [names.take(`${output}_moved`), names.take(`${output}_clipped`)];
    replaced.set(node, [
      onnxNode('Add', [x, constant(`${output}_shift`, beta / alpha)], moved),
      onnxNode('Clip', [moved, constant(`${output}_lowest`, 0), constant(`${output}_highest`, 1 / alpha)], clipped),
      onnxNode('Mul', [clipped, constant(`${output}_alpha`, alpha)], output),
    ]);
    const times = (factor: number): ActivationRange => ({
      minimum: Math.max(0, range.minimum * factor),
      maximum: range.maximum * factor,
      shape: range.shape,
      channels: scaledMeans(range.channels, factor),
    });
    known.set(moved, times(1 / alpha));
    known.set(clipped, times(1 / alpha));
  }
  return { model: replaceNodes(model, replaced, added), ranges: known };
}

function floatAttribute({ attributes }: DecodedNode, name: string, otherwise: number): number {
  const attribute = attributes.get(name);
  return attribute?.kind === 'float' ? attribute.value : otherwise;
}

function withDepthwiseAffines({ model, ranges }: RangedModel): OnnxModel {
  const { nodes, initializers } = model;
  const values = integerValues(model, ranges);
  const names = new FreshNames(model);
  const replaced = new Map<DecodedNode, readonly DecodedNode[]>();
  const added = new Map<string, OnnxTensor>();
  for (const node of nodes) {
    const found = affineOn(node, values, ranges, initializers);
    const isScalarOnly = node.inputs.some((name) => isScalar(initializers.get(name)));
    if (!found || isScalarOnly) continue;
    const output = node.outputs[0]!;
    const { factor, term } = found.affine;
    const channels = factor.length;
    const [weight, bias] = [names.take(`${output}_weight`), names.take(`${output}_bias`)];
    const shape: Shape = [channels, 1, 1, 1];
    added.set(weight, f32Tensor(shape, Float32Array.from(factor)));
    added.set(bias, f32Tensor([channels], Float32Array.from(term)));
    replaced.set(node, [onnxNode('Conv', [found.x, weight, bias], output, depthwise(channels))]);
  }
  // What follows one of them channel by channel is folded into it.
  return replaced.size === 0 ? model : foldBatchNorms(replaceNodes(model, replaced, added));
}

const depthwise = (channels: number) => ({
  group: { kind: 'int', value: channels } as const,
  kernel_shape: { kind: 'ints', value: [1, 1] } as const,
});
