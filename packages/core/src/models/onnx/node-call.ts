import { UserError } from '../../base/errors.ts';
import { numbersOf, type Shape, type Tensor } from '../../base/tensor.ts';
import { constantTensor, type DecodedNode, describeNode, typeOf, type Value } from '../../graph/index.ts';
import type { Scope } from '../../nn/index.ts';
import { type FoldingWork, mostWork } from './fold.ts';

/** One node that is being turned into values: its inputs, its attributes, and where its parameters stand. */
export class NodeCall {
  readonly node: DecodedNode;
  readonly opset: number;
  readonly inputs: readonly (Value | undefined)[];
  /** The place of a layer that is more than arithmetic (batch norm, dropout). */
  readonly layer: Scope | undefined;
  /** The target shape of a Reshape in another batch than the file's. */
  readonly adaptedShape: Shape | undefined;
  /** The work of all nodes together. */
  readonly work: FoldingWork;

  constructor(parts: Pick<NodeCall, 'node' | 'opset' | 'inputs' | 'layer' | 'adaptedShape' | 'work'>) {
    this.node = parts.node;
    this.opset = parts.opset;
    this.inputs = parts.inputs;
    this.layer = parts.layer;
    this.adaptedShape = parts.adaptedShape;
    this.work = parts.work;
  }

  has(index: number): boolean {
    return this.inputs[index] !== undefined;
  }

  /** An input that must be there. */
  value(index: number): Value {
    return this.inputs[index] ?? this.fail(`has no input ${index}`);
  }

  /** An input whose numbers must be known while the graph is built. */
  tensor(index: number): Tensor {
    const value = this.value(index);
    const found = constantTensor(value);
    if (found) this.take(found.data.length);
    if (!found && this.work.isSpent) this.failSpent();
    return found ?? this.fail(`depends on the image in its input ${index} (${typeOf(value)})`);
  }

  /** Charges for so many numbers, before they are read or made. */
  take(numbers: number): void {
    if (!this.work.allows(numbers)) this.failSpent();
  }

  integers(index: number): number[] {
    return numbersOf(this.tensor(index));
  }

  /** An input of one number. */
  number(index: number): number {
    const { data } = this.tensor(index);
    return data.length === 1 ? Number(data[0]) : this.fail(`has ${data.length} numbers in its input ${index}`);
  }

  int<D>(name: string, otherwise: D): number | D {
    const attribute = this.node.attributes.get(name);
    if (!attribute) return otherwise;
    return attribute.kind === 'int' ? attribute.value : this.fail(`has an attribute ${name} that is no integer`);
  }

  float<D>(name: string, otherwise: D): number | D {
    const attribute = this.node.attributes.get(name);
    if (!attribute) return otherwise;
    return attribute.kind === 'float' ? attribute.value : this.fail(`has an attribute ${name} that is no float`);
  }

  text(name: string, otherwise: string): string {
    const attribute = this.node.attributes.get(name);
    if (!attribute) return otherwise;
    return attribute.kind === 'string' ? attribute.value : this.fail(`has an attribute ${name} that is no text`);
  }

  ints<D>(name: string, otherwise: D): readonly number[] | D {
    const attribute = this.node.attributes.get(name);
    if (!attribute) return otherwise;
    return attribute.kind === 'ints' ? attribute.value : this.fail(`has an attribute ${name} that is no list`);
  }

  /** A list that was an attribute in early opsets and is an input in later ones. */
  list(name: string, index: number): readonly number[] | undefined {
    return this.ints(name, undefined) ?? (this.has(index) ? this.integers(index) : undefined);
  }

  /** An axis counted from the front. */
  axis(axis: number, rank: number): number {
    if (!Number.isInteger(axis) || axis < -rank || axis >= rank) this.fail(`has axis ${axis} of ${rank}`);
    return axis < 0 ? axis + rank : axis;
  }

  /** The axes of `list('axes', …)`, counted from the front. */
  axes(index: number, rank: number): number[] | undefined {
    return this.list('axes', index)?.map((axis) => this.axis(axis, rank));
  }

  failSpent(): never {
    return this.fail(
      `and those before it compute more than ${mostWork} numbers from constants, which no network needs. ` +
        'If the file is sound, let a tool compute them first, such as onnxsim or ONNX Runtime’s offline optimization',
    );
  }

  fail(what: string): never {
    throw new UserError(`ONNX: the ${describeNode(this.node)} ${what}.`);
  }
}

/** Turns a node into values, one for each output in order; those nobody wants may be missing. */
export type Handler = (call: NodeCall) => Value | readonly Value[];
export type Handlers = Readonly<Record<string, Handler>>;
