import { ShapeError, UserError } from '../../base/errors.ts';
import { printableName } from '../../base/printable.ts';
import { sizeOf } from '../../base/tensor.ts';
import { constant, type DecodedNode, describeNode, type Value } from '../../graph/index.ts';
import type { Scope } from '../../nn/index.ts';
import { BatchTracker, type ReshapeInFile } from './batch.ts';
import type { FileGraph } from './file-graph.ts';
import { Folder } from './fold.ts';
import { NodeCall } from './node-call.ts';
import { operators } from './operators/index.ts';
import type { ParameterPlan } from './parameters.ts';

/** The part that all runs of a file's nodes share. */
export interface Program {
  readonly graph: FileGraph;
  readonly plan: ParameterPlan;
}

export interface InterpretOptions {
  /** The shapes that each Reshape had in the file's own batch, for a run in another. */
  readonly inFile?: ReadonlyMap<DecodedNode, ReshapeInFile>;
  /** Called after each node. */
  readonly onNode?: (call: NodeCall, outputs: readonly Value[]) => void;
}

/** More numbers than any activation has. */
const mostNumbers = 2 ** 32;
/** More axes than any activation has. */
const mostAxes = 32;

/**
 * More numbers than a network makes of its constants, all together: they would all be computed before the first image.
 */
const mostComputed = ({ numbers }: FileGraph) => 2 ** 27 + 16 * numbers;

/** @throws UserError that lists every node whose operator is not supported */
export function expectSupported(nodes: readonly DecodedNode[], opset: number): void {
  const missing = new Map<string, string[]>();
  for (const { operator, domain, name, outputs } of nodes) {
    if (domain === '' && Object.hasOwn(operators, operator)) continue;
    const operation = printableName(domain === '' ? operator : `${domain}.${operator}`);
    missing.set(operation, [...(missing.get(operation) ?? []).slice(0, 20), printableName(name || outputs[0] || '?')]);
  }
  if (missing.size === 0) return;
  const lines = [...missing].slice(0, 50).map(([operation, names]) => `  ${operation}: ${listed(names)}`);
  throw new UserError(
    `ONNX: ${missing.size === 1 ? 'one operator' : `${missing.size} operators`} of this file (opset ${opset}) ` +
      `${missing.size === 1 ? 'is' : 'are'} not supported. By operator, the ` +
      `nodes:\n${lines.join('\n')}${reasonFor([...missing.keys()])}`,
  );
}

/** The reason why operators of that kind are not supported, and what to open in place of the file. */
function reasonFor(operations: readonly string[]): string {
  if (operations.some((name) => /Quantize|QLinear|(^|\.)QAttention|(Conv|MatMul)Integer/.test(name))) {
    return (
      '\nThe file is quantised: its weights are small integers, which cannot be trained. Open the model that it ' +
      'was made from.'
    );
  }
  if (operations.some((name) => /^(If|Loop|Scan|Sequence\w+)$/.test(name))) {
    return (
      '\nIts control flow is decided at run time. Export it by tracing, for images of one size, or simplify it with a ' +
      'tool such as onnxsim.'
    );
  }
  return '';
}

function listed(names: readonly string[]): string {
  return `${names.slice(0, 8).join(', ')}${names.length > 8 ? ', …' : ''}`;
}

/**
 * Turns nodes into values, one after the other. `given` are the values that there are already; the result holds all.
 * @throws UserError with the node that does not take what it gets
 */
export function interpret(
  { graph, plan }: Program,
  nodes: readonly DecodedNode[],
  given: ReadonlyMap<string, Value>,
  s: Scope,
  { inFile = new Map(), onNode }: InterpretOptions = {},
): Map<string, Value> {
  const tracker = new BatchTracker(inFile);
  const folder = new Folder();
  let left = mostComputed(graph);
  const values = new Map([...given].map(([name, value]) => [name, folder.keep(value)]));
  const lookUp = (name: string) => {
    const known = values.get(name);
    if (known) return known;
    const tensor = graph.constant(name);
    if (tensor) values.set(name, constant(tensor));
    return values.get(name);
  };
  for (const node of nodes) {
    const parameters = plan.parameters.get(node);
    const inputs = node.inputs.map((name, i) => {
      const learned = parameters?.get(i);
      return learned ? folder.learned(s.param(learned.name, learned.tensor.shape, learned.initialise)) : lookUp(name);
    });
    const path = plan.layers.get(node);
    const layer = path === undefined ? undefined : s.at(path);
    const adapted = tracker.shapeOf(node, inputs);
    const call = new NodeCall({
      node,
      opset: graph.opset,
      inputs,
      layer,
      adaptedShape: adapted?.shape,
      work: folder.work,
    });
    const outputs = apply(call).map((value) => folder.fold(value));
    if (!graph.activations.has(node.outputs[0] ?? '')) {
      left -= outputs.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
      if (left < 0) call.fail(`and those before it make more than ${mostComputed(graph)} numbers of constants alone`);
    }
    for (const output of outputs) tracker.follow(inputs, output, adapted?.rows);
    node.outputs.forEach((name, i) => {
      if (outputs[i]) values.set(name, outputs[i]);
    });
    onNode?.(call, outputs);
  }
  return values;
}

/** The nodes that depend on constants alone: on no image, nor its shape, nor on what is learned. */
export function fixedNodes({ graph, plan }: Program, nodes: readonly DecodedNode[]): Set<DecodedNode> {
  const varying = new Set([graph.image.name]);
  const fixed = new Set<DecodedNode>();
  for (const node of nodes) {
    const varies = plan.parameters.has(node) || plan.layers.has(node) || node.inputs.some((name) => varying.has(name));
    if (!varies) fixed.add(node);
    else for (const name of node.outputs) varying.add(name);
  }
  return fixed;
}

function apply(call: NodeCall): readonly Value[] {
  return atNode(call.node, call.inputs, () => {
    const result = operators[call.node.operator]!(call);
    const outputs: readonly Value[] = 'op' in result ? [result] : result;
    for (const { shape, dtype } of outputs) {
      if (shape.length > mostAxes) call.fail(`makes ${shape.length} axes`);
      const fits = shape.every((d) => Number.isSafeInteger(d) && d >= 0) && sizeOf(shape) <= mostNumbers;
      const lost = dtype === 'f32' && call.inputs.length > 0 && sizeOf(shape) === 0;
      if (!fits || lost) call.fail(`makes [${shape}], which is ${lost ? 'nothing' : 'more than fits in memory'}`);
    }
    return outputs;
  });
}

/**
 * Runs the work of a node. @throws UserError with the node, whatever is wrong: a damaged file can ask an operator for
 * anything
 */
export function atNode<T>(node: DecodedNode, inputs: readonly (Value | undefined)[], work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof UserError || !(error instanceof Error)) throw error;
    const shapes = inputs.slice(0, 8).map((value) => (value ? `[${value.shape}]` : 'nothing'));
    const received = `${shapes.join(', ')}${inputs.length > 8 ? ', …' : ''}`;
    const reason = error instanceof ShapeError ? error.message : `${error.message}.`;
    throw new UserError(`ONNX: the ${describeNode(node)} does not take ${received}. ${reason}`, { cause: error });
  }
}
