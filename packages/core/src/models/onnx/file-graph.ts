import { expectChoice } from '../../base/choice.ts';
import { UserError } from '../../base/errors.ts';
import type { Tensor } from '../../base/tensor.ts';
import type { DecodedModel, DecodedNode, DecodedSlot } from '../../graph/index.ts';
import { asOwn } from './constants.ts';
import { withBatchNorms } from './written-norms.ts';

/** The part of a file that computes one output from the image, and who makes and takes what in it. */
export interface FileGraph {
  readonly opset: number;
  /** The number of numbers in the file. */
  readonly numbers: number;
  readonly image: DecodedSlot;
  /** The output that was chosen. */
  readonly output: string;
  /** The nodes in order of computation, without those that the output does not need. */
  readonly nodes: readonly DecodedNode[];
  readonly makers: ReadonlyMap<string, DecodedNode>;
  readonly takers: ReadonlyMap<string, readonly DecodedNode[]>;
  /** The values computed from the image's pixels: not from constants, and not from its shape alone. */
  readonly activations: ReadonlySet<string>;
  /** The numbers of an initializer or a Constant, also under another name. */
  constant(name: string): Tensor | undefined;
}

/** Graphs whose operators are described in the same way; newer ones have been seen to work. */
export const opsets = { oldest: 7, newest: 21 } as const;

/**
 * The largest classifiers have some thousands; each takes time while a model is opened, and whenever it is compiled.
 */
const mostNodes = 20_000;

/** The graph of a file's classifier. `output` names the one that is wanted. @throws UserError where there is none */
export function fileGraph(model: DecodedModel, output?: string): FileGraph {
  const opset = model.opsets.get('') ?? 0;
  if (opset < opsets.oldest) {
    throw new UserError(
      `ONNX: the file is of opset ${opset}; ${opsets.oldest} is the oldest that Graft reads. ` +
        'Convert it with onnx.version_converter.',
    );
  }
  const chosen = chooseOutput(model, output);
  const image = chooseImage(model);
  const written = withBatchNorms(model);
  const makers = new Map(written.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  makers.delete('');
  const needed = ancestors(chosen, makers);
  const nodes = written.filter((node) => needed.has(node));
  if (nodes.length > mostNodes) {
    throw new UserError(
      `ONNX: ${nodes.length} nodes compute the output, at most ${mostNodes} are read, which is more than any ` +
        'classifier has.',
    );
  }
  const takers = new Map<string, DecodedNode[]>();
  for (const node of nodes) {
    for (const name of new Set(node.inputs)) {
      const list = takers.get(name);
      if (list) list.push(node);
      else takers.set(name, [node]);
    }
  }
  const constants = new Map<string, Tensor>();
  const constant = (name: string): Tensor | undefined => {
    const known = constants.get(name);
    if (known) return known;
    const source = withoutAliases(name, makers);
    const raw = model.initializers.get(source) ?? literal(makers.get(source));
    if (raw) constants.set(name, asOwn(raw));
    return constants.get(name);
  };
  const activations = activationsOf(image.name, nodes);
  if (!activations.has(chosen)) throw new UserError(`ONNX: the output "${chosen}" does not depend on the image.`);
  const numbers = sum([...model.initializers.values()].map(({ data }) => data.length)) + sum(written.map(numbersIn));
  return { opset, numbers, image, output: chosen, nodes, makers, takers, activations, constant };
}

/** The value that has other names by Identity nodes; no exporter makes a long chain of them. */
function withoutAliases(name: string, makers: ReadonlyMap<string, DecodedNode>): string {
  let source = name;
  for (let steps = 0; steps < 10; steps++) {
    const node = makers.get(source);
    if (node?.operator !== 'Identity') return source;
    source = node.inputs[0] ?? '';
  }
  return source;
}

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

/** The number of numbers in a node's attributes. */
function numbersIn({ attributes }: DecodedNode): number {
  return sum([...attributes.values()].map((of) => (of.kind === 'tensor' ? of.value.data.length : 1)));
}

/** The tensor of a Constant node. */
function literal(node: DecodedNode | undefined): Tensor | undefined {
  const value = node?.operator === 'Constant' ? node.attributes.get('value') : undefined;
  return value?.kind === 'tensor' ? value.value : undefined;
}

function chooseImage({ inputs }: DecodedModel): DecodedSlot {
  const images = inputs.filter(({ shape }) => shape === undefined || shape.length === 4);
  const [image] = images;
  if (image && images.length === 1 && inputs.length === 1) return image;
  const listed = inputs.map(({ name, shape }) => `"${name}" [${shape?.join(', ') ?? '?'}]`).join(', ');
  throw new UserError(`ONNX: expected one input, images (n, 3, h, w), but the file has ${listed || 'none'}.`);
}

/** The output of the classes among several: the one that is named so, else the last with two axes. */
function chooseOutput({ outputs }: DecodedModel, wanted: string | undefined): string {
  const names = outputs.map(({ name }) => name);
  if (wanted !== undefined) return expectChoice('output', wanted, names);
  const flat = outputs.filter(({ shape }) => shape === undefined || shape.length === 2).map(({ name }) => name);
  const candidates = flat.length > 0 ? flat : names;
  const found =
    candidates.find((name) => /logit/i.test(name)) ??
    candidates.find((name) => /prob|class|output|pred|score/i.test(name)) ??
    candidates.at(-1);
  return found ?? fail('the file has no output');
}

function fail(what: string): never {
  throw new UserError(`ONNX: ${what}.`);
}

function ancestors(name: string, makers: ReadonlyMap<string, DecodedNode>): Set<DecodedNode> {
  const found = new Set<DecodedNode>();
  const open = [name];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const node = makers.get(next);
    if (!node || found.has(node)) continue;
    found.add(node);
    for (const input of node.inputs) open.push(input);
  }
  return found;
}

function activationsOf(image: string, nodes: readonly DecodedNode[]): Set<string> {
  const found = new Set([image]);
  for (const { operator, inputs, outputs } of nodes) {
    if (operator === 'Shape' || operator === 'Size' || !inputs.some((name) => found.has(name))) continue;
    for (const name of outputs) found.add(name);
  }
  return found;
}
