import type { DecodedNode } from '../graph/index.ts';
import type { OnnxModel, OnnxTensor } from './onnx-model.ts';
import { floatsOf, numberOf } from './onnx-numbers.ts';

/** Operators that move numbers and do not change them: their output has the scale of their input. */
export const moving: ReadonlySet<string> = new Set([
  ...['MaxPool', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Transpose', 'Slice'],
]);
/** Operators that ONNX Runtime computes on 8-bit numbers with an output of its own scale. */
const rescaling = new Set(['Add', 'Mul', 'Sigmoid', 'LeakyRelu', 'AveragePool', 'GlobalAveragePool', 'Concat']);
/** Operators that an 8-bit range does by itself. */
export const clipping: ReadonlySet<string> = new Set(['Relu', 'Clip']);

/** Whether a node multiplies an activation by f32 weights that are constants. */
export function hasWeights(
  { operator, domain, inputs }: DecodedNode,
  initializers: OnnxModel['initializers'],
): boolean {
  const [x = '', weight = '', bias] = inputs;
  const isConstant = (name: string) => initializers.get(name)?.dtype === 'f32';
  if (domain !== '' || !isConstant(weight) || initializers.has(x)) return false;
  if (operator === 'MatMul') return initializers.get(weight)!.shape.length === 2;
  return (operator === 'Conv' || operator === 'Gemm') && (!bias || isConstant(bias));
}

/**
 * The name of a node with weights: that of its parameters without `.weight` or `.bias`, and without what folding adds;
 * the name of its output where parameters have none.
 */
export function layerName({ inputs, outputs }: DecodedNode): string {
  const named =
    inputs.slice(1).find((name) => name !== '' && !/^_\d+(_(weight|bias|folded).*)?$/.test(name)) ?? outputs[0]!;
  return named.replace(/(_folded(_bias)?(_\d+)?)+$/, '').replace(/\.(weight|bias)$/, '');
}

/** Whether a node without weights can run on 8-bit numbers where the values in `quantised` have them. */
export function takesIntegers(
  { operator, domain, inputs }: DecodedNode,
  quantised: ReadonlySet<string>,
  initializers: OnnxModel['initializers'],
): boolean {
  if (domain !== '') return false;
  const [x = ''] = inputs;
  if (moving.has(operator) || clipping.has(operator)) return quantised.has(x);
  return rescaling.has(operator) && inputs.every((name) => quantised.has(name) || isScalar(initializers.get(name)));
}

/** Whether a constant has one number. */
export const isScalar = (constant: OnnxTensor | undefined) => numberOf(constant) !== undefined;

/** Whether a Clip (or ReLU) changes nothing of numbers from `lowest` to `highest`. */
export function isWithinClip(
  { operator, inputs }: DecodedNode,
  initializers: OnnxModel['initializers'],
  { lowest, highest }: { readonly lowest: number; readonly highest: number },
): boolean {
  if (operator === 'Relu') return lowest >= 0;
  const bound = (name: string | undefined, otherwise: number) => {
    const constant = initializers.get(name ?? '');
    return name ? (constant ? floatsOf(constant)[0] : undefined) : otherwise;
  };
  const minimum = bound(inputs[1], Number.NEGATIVE_INFINITY);
  const maximum = bound(inputs[2], Number.POSITIVE_INFINITY);
  const slack = 1e-6 * (highest - lowest);
  return minimum !== undefined && maximum !== undefined && lowest >= minimum - slack && highest <= maximum + slack;
}
