import { type Features, OnnxBuilder } from './onnx.ts';
import type { TensorWriter } from './onnx-wire.ts';
import {
  constantName,
  constantTensor,
  inputName,
  type Lowering,
  reachable,
  type TensorType,
  typeOf,
  type Value,
} from './value.ts';

/** A graph as ONNX bytes, with what must be fed and what comes out. */
export interface EncodedGraph {
  readonly model: Uint8Array;
  readonly inputs: ReadonlyMap<string, TensorType>;
  readonly outputs: ReadonlyMap<string, TensorType>;
  /** The names of the nodes that must run on the CPU, in a graph that was written for a device beside it. */
  readonly onCpu?: readonly string[];
}

/** Says which of a value's lowerings to use; undefined leaves it to the first that applies. */
export type ChooseLowering = (value: Value) => string | undefined;

/** The names of the lowerings that can express a value on a device that has `features`, the default first. */
export function applicableLowerings(value: Value, features: Features = new Set()): string[] {
  return Object.entries(value.op.lowerings)
    .filter(([, lowering]) => isApplicable(lowering, value, features))
    .map(([name]) => name);
}

function isApplicable({ requires, applies }: Lowering, value: Value, features: Features): boolean {
  return (requires === undefined || features.has(requires)) && (applies?.(value) ?? true);
}

export interface EncodeOptions {
  readonly choose?: ChooseLowering;
  /**
   * The features of the device. Default: none, so that only standard operators are used, which every build of ORT has.
   */
  readonly features?: Features;
  /**
   * For a device beside the CPU: the values that are computed on the CPU all the same. Nodes have names, and are shared
   * only between values of one primitive, so that each is as it is where the value is checked by itself.
   */
  readonly onCpu?: (value: Value) => boolean;
  /** Begins the names of the nodes of a value. Default: nodes have none. */
  readonly nameOf?: ((value: Value) => string) | undefined;
  /** Writes the constants. Default: with their numbers. */
  readonly writeTensor?: TensorWriter | undefined;
  /** Metadata of the model: texts by key. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Writes the outputs, with all that they depend on, as one ONNX model. @throws Error where two inputs share a name. */
export function encode(outputs: Readonly<Record<string, Value>>, options: EncodeOptions = {}): EncodedGraph {
  const { choose = () => undefined, features = new Set(), onCpu, nameOf, writeTensor, metadata = {} } = options;
  const builder = new OnnxBuilder({ isBesideCpu: onCpu !== undefined, features, writeTensor });
  const names = new Map<Value, string>();
  const inputs = new Map<string, TensorType>();
  for (const value of reachable(Object.values(outputs))) {
    const name = inputName(value);
    const tensor = constantTensor(value);
    if (name !== undefined) {
      if (inputs.has(name)) throw new Error(`encode: two different inputs are called "${name}"`);
      inputs.set(name, value);
      names.set(value, name);
    } else if (tensor) {
      names.set(value, builder.constant(tensor, constantName(value)));
    } else {
      const operands = value.inputs.map((operand) => names.get(operand)!);
      if (onCpu) builder.begin({ name: value.op.name, isOnCpu: onCpu(value) });
      else if (nameOf) builder.begin({ name: nameOf(value) });
      names.set(value, lowering(value, choose(value), features).lower(builder, operands, value));
    }
  }
  const results = Object.entries(outputs).map(([name, value]) => ({ name, type: value, from: names.get(value)! }));
  const model = builder.finish(
    [...inputs].map(([name, type]) => ({ name, type })),
    results,
    metadata,
  );
  return {
    model,
    inputs,
    outputs: new Map(results.map(({ name, type }) => [name, type])),
    ...(onCpu && { onCpu: builder.onCpu }),
  };
}

function lowering(value: Value, chosen: string | undefined, features: Features): Lowering {
  const name = chosen ?? applicableLowerings(value)[0];
  const found = name === undefined ? undefined : value.op.lowerings[name];
  if (!found || !isApplicable(found, value, features)) {
    const wanted = name === undefined ? '' : ` ${name}`;
    throw new Error(`encode: ${value.op.name} has no lowering${wanted} that applies here (${typeOf(value)})`);
  }
  return found;
}
