import { i64, type Tensor } from '../base/tensor.ts';
import type { DecodedAttribute, DecodedNode } from '../graph/decoded.ts';
import type { OnnxAttribute } from '../graph/onnx-wire.ts';
import { type OnnxTensor, onnxTensor } from './onnx-model.ts';

/** Nodes and initializers that are added to a model, under names that begin with a prefix of their own. */
export class GraphPart {
  readonly nodes: DecodedNode[] = [];
  readonly initializers = new Map<string, OnnxTensor>();
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** Adds a node. @param output the name of its output; default: a new one */
  node(
    operator: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
    output = this.#fresh(operator),
  ): string {
    const decoded = Object.entries(attributes).map(([key, value]) => [key, decodedAttribute(value)] as const);
    this.nodes.push({ name: output, operator, domain: '', inputs, outputs: [output], attributes: new Map(decoded) });
    return output;
  }

  /** Adds a tensor. */
  constant(value: Tensor): string {
    const name = this.#fresh('constant');
    this.initializers.set(name, onnxTensor(value));
    return name;
  }

  /** Adds a list of integers. */
  integers(...values: readonly number[]): string {
    return this.constant(i64([values.length], values));
  }

  #fresh(what: string): string {
    return `${this.#prefix}/${what}_${this.nodes.length + this.initializers.size}`;
  }
}

function decodedAttribute(value: OnnxAttribute): DecodedAttribute {
  if (typeof value === 'number') return { kind: 'int', value };
  if (typeof value === 'string') return { kind: 'string', value };
  if ('float' in value) return { kind: 'float', value: value.float };
  return { kind: 'ints', value };
}
