import type { Tensor } from '../../base/tensor.ts';
import type { DecodedAttribute, DecodedModel, DecodedNode } from '../../graph/index.ts';

type Makers = ReadonlyMap<string, DecodedNode>;

/**
 * The nodes of a file, with each batch norm that is written out as arithmetic put back in one piece, so that it is a
 * layer in training: x · s + (β - µ · s) with s = γ · 1/√(σ² + ε), where s and the sum are reshaped to (1, c, …).
 * Graft's own exports, and TensorFlow's, write it so. What is left over of the arithmetic computes nothing that is
 * needed.
 */
export function withBatchNorms({ nodes, initializers }: DecodedModel): readonly DecodedNode[] {
  const makers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  return nodes.map((node) => batchNorm(node, makers, initializers) ?? node);
}

function batchNorm(
  node: DecodedNode,
  makers: Makers,
  initializers: ReadonlyMap<string, Tensor>,
): DecodedNode | undefined {
  const made = (operator: string, name = '') => {
    const maker = makers.get(name);
    return maker?.operator === operator && maker.domain === '' ? maker.inputs : undefined;
  };
  const [product, sum] = (node.operator === 'Add' && node.inputs) || [];
  const [x, factor] = made('Mul', product) ?? [];
  const [scale] = made('Reshape', factor) ?? [];
  const [gamma, root] = made('Mul', scale) ?? [];
  const [one, deviation] = made('Div', root) ?? [];
  const [spread] = made('Sqrt', deviation) ?? [];
  const [variance, epsilon] = made('Add', spread) ?? [];
  const [shift] = made('Reshape', sum) ?? [];
  const [beta, moved] = made('Sub', shift) ?? [];
  const [mean, sameScale] = made('Mul', moved) ?? [];
  const number = (name = '') => {
    const value = initializers.get(name);
    return value?.data.length === 1 ? Number(value.data[0]) : undefined;
  };
  const numbers = [gamma, beta, mean, variance].map((name) => initializers.get(name ?? ''));
  const isPerChannel = numbers.every((value) => value?.shape.length === 1 && value.dtype === 'f32');
  const added = number(epsilon);
  if (x === undefined || added === undefined || !isPerChannel || sameScale !== scale || number(one) !== 1)
    return undefined;
  const attributes = new Map<string, DecodedAttribute>([['epsilon', { kind: 'float', value: added }]]);
  const inputs = [x, gamma!, beta!, mean!, variance!];
  return { ...node, operator: 'BatchNormalization', inputs, attributes };
}
