import { toHalf } from '../base/to-half.ts';
import type { DecodedNode } from '../graph/decoded.ts';
import { foldBatchNorms } from './fold-batch-norms.ts';
import { bytesOf, type OnnxModel, type OnnxTensor, typeCode } from './onnx-model.ts';

type Precision = 'f32' | 'f16';

/** The largest finite half. */
const largestHalf = 65504;

/** Where the time and the weights are. */
const heavy = new Set(['Conv', 'ConvTranspose', 'MatMul', 'Gemm']);
/** Sums over many numbers, and what grows like a square or an exponential: halves would overflow or lose digits. */
const sensitive = new Set(['ReduceMean', 'ReduceSum', 'LayerNormalization', 'Softmax', 'Pow', 'Exp', 'Resize']);
/** What only moves numbers; of a constant it is done in halves, which is exact. */
const moving = new Set([
  'Transpose',
  'Reshape',
  'Unsqueeze',
  'Squeeze',
  'Slice',
  'Concat',
  'Gather',
  'Identity',
  'Expand',
]);
const withoutFloats = new Set([
  'Shape',
  'ArgMax',
  'Equal',
  'Less',
  'LessOrEqual',
  'Greater',
  'GreaterOrEqual',
  'Not',
  'And',
]);

/**
 * The network with weights and computation in halves; inputs and outputs stay as they are. Batch norms are folded into
 * convolutions first, whose variances are often too small for halves.
 *
 * What halves are too coarse for stays in f32, between casts: the normalisation of images, means and sums, softmax,
 * squares, and a layer with a weight beyond ±65504. Weights below 6e-8 become 0.
 */
export function halfModel(model: OnnxModel): OnnxModel {
  return new HalfWriter(foldBatchNorms(model)).write();
}

/** Goes over the nodes once, in their order. */
class HalfWriter {
  readonly #model: OnnxModel;
  readonly #outputs: ReadonlySet<string>;
  /** The precision of every floating-point value that is no initializer, by its name. */
  readonly #precision = new Map<string, Precision>();
  /** Values that depend on no input. */
  readonly #constant = new Set<string>();
  readonly #nodes: DecodedNode[] = [];
  readonly #initializers = new Map<string, OnnxTensor>();
  /** Values that were cast already, by precision and name. */
  readonly #cast = new Map<string, string>();

  constructor(model: OnnxModel) {
    this.#model = model;
    this.#outputs = new Set(model.outputs.map(({ name }) => name));
    for (const { name, dtype } of model.inputs) if (dtype === 'f32') this.#precision.set(name, 'f32');
  }

  write(): OnnxModel {
    for (const node of this.#model.nodes) this.#add(node);
    return { ...this.#model, nodes: this.#nodes, initializers: this.#initializers };
  }

  #add(node: DecodedNode): void {
    const precision = this.#precisionOf(node);
    const isConstant = node.inputs.every((name) => name === '' || this.#isConstant(name));
    if (isConstant) for (const name of node.outputs) this.#constant.add(name);
    const outputs = node.outputs.map((name, i) => {
      if (!this.#hasFloats(node, i)) return name;
      const isRenamed = precision === 'f16' && this.#outputs.has(name);
      this.#precision.set(name, isRenamed ? 'f32' : precision);
      return isRenamed ? `${name}/half` : name;
    });
    this.#nodes.push({ ...node, inputs: node.inputs.map((name) => this.#as(name, precision)), outputs });
    for (const [i, name] of outputs.entries()) {
      if (name !== node.outputs[i]) this.#nodes.push(castNode(name, node.outputs[i]!, 'f32'));
    }
  }

  #precisionOf(node: DecodedNode): Precision {
    const { operator, inputs } = node;
    const isSquare = operator === 'Mul' && inputs[0] === inputs[1];
    if (sensitive.has(operator) || operator === 'Cast' || isSquare || inputs.some((name) => this.#isTooLarge(name))) {
      return 'f32';
    }
    if (heavy.has(operator)) return 'f16';
    const computed = inputs.filter((name) => this.#precision.has(name) && !this.#constant.has(name));
    // A scale or an epsilon that is computed from constants is computed as training did.
    if (computed.length === 0) return moving.has(operator) ? 'f16' : 'f32';
    return computed.every((name) => this.#precision.get(name) === 'f32') ? 'f32' : 'f16';
  }

  #hasFloats({ operator, inputs, attributes }: DecodedNode, output: number): boolean {
    if (withoutFloats.has(operator) || (operator === 'MaxPool' && output === 1)) return false;
    if (operator === 'Cast') {
      const to = attributes.get('to');
      return to?.kind === 'int' && to.value === typeCode.f32;
    }
    const [source] = operator === 'Where' ? inputs.slice(1) : inputs;
    return this.#precision.has(source!) || this.#model.initializers.get(source!)?.dtype === 'f32';
  }

  #isConstant(name: string): boolean {
    return this.#constant.has(name) || this.#model.initializers.has(name);
  }

  #isTooLarge(name: string): boolean {
    const tensor = this.#model.initializers.get(name);
    return tensor?.dtype === 'f32' && floatsOf(tensor).some((value) => Math.abs(value) > largestHalf);
  }

  /** The name of a value in a precision; what has no floats stays as it is. */
  #as(name: string, precision: Precision): string {
    const tensor = this.#model.initializers.get(name);
    if (tensor) return this.#initializer(name, tensor, precision);
    const own = this.#precision.get(name);
    if (own === undefined || own === precision) return name;
    const key = `${name}/${precision}`;
    if (!this.#cast.has(key)) this.#nodes.push(castNode(name, key, precision));
    this.#cast.set(key, key);
    return key;
  }

  /** A tensor that layers of both precisions use is there twice. */
  #initializer(name: string, tensor: OnnxTensor, precision: Precision): string {
    const isHalf = tensor.dtype === 'f32' && precision === 'f16';
    const own = isHalf ? `${name}/f16` : name;
    if (!this.#initializers.has(own)) {
      const half = () => ({ dtype: 'f16', shape: tensor.shape, bytes: bytesOf(toHalf(floatsOf(tensor))) }) as const;
      this.#initializers.set(own, isHalf ? half() : tensor);
    }
    return own;
  }
}

function castNode(from: string, to: string, precision: Precision): DecodedNode {
  const attributes = new Map([['to', { kind: 'int', value: typeCode[precision] } as const]]);
  return { name: '', operator: 'Cast', domain: '', inputs: [from], outputs: [to], attributes };
}

function floatsOf({ bytes }: OnnxTensor): Float32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
}
