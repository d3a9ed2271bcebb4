import { UserError } from '../../base/errors.ts';
import { f32, numbersOf, type Tensor, tensor } from '../../base/tensor.ts';
import { type DecodedNode, describeNode } from '../../graph/index.ts';
import type { FileGraph } from './file-graph.ts';

/** A file's classifier: its last learned layer that is linear, with what stands around it. */
export interface FileHead {
  readonly node: DecodedNode;
  /** The layer's output, its bias included. */
  readonly output: string;
  /** The backbone's output. */
  readonly input: string;
  /** Dropout between the backbone and the layer. */
  readonly before: readonly DecodedNode[];
  /** The nodes from the layer to the logits: pooling, say, where the layer is a 1x1 convolution. */
  readonly after: readonly FollowingNode[];
  /** The weight in PyTorch's layout, (classes, inputs) or (classes, inputs, kh, kw), and the bias, (classes). */
  readonly weight: Tensor;
  readonly bias: Tensor;
  readonly weightName: string;
  readonly biasName: string;
  /** The operator that made probabilities of the logits, and is left out. */
  readonly dropped: readonly string[];
}

/** A node behind the classifying layer, and the name of what it takes from there. */
export interface FollowingNode {
  readonly node: DecodedNode;
  readonly input: string;
}

/** Operators that make probabilities of logits. */
const probabilities = new Set(['Softmax', 'LogSoftmax', 'Sigmoid']);
/**
 * Operators that may stand between the classifying layer and the logits, beside those. The first input is the one that
 * counts.
 */
const passing = new Set([
  'Identity',
  'Cast',
  'Dropout',
  'Reshape',
  'Flatten',
  'Squeeze',
  'Unsqueeze',
  'Transpose',
  'Relu',
  'Clip',
  'GlobalAveragePool',
  'GlobalMaxPool',
  'AveragePool',
  'MaxPool',
  'ReduceMean',
  'ReduceMax',
  'ReduceSum',
]);
/**
 * Operators that may stand there with one number beside the logits: a temperature, or the size of what was summed up.
 */
const scaling = new Set(['Mul', 'Div', 'Add', 'Sub']);
/** Operators that only rearrange numbers. */
export const arranging: ReadonlySet<string> = new Set([
  'Identity',
  'Cast',
  'Reshape',
  'Flatten',
  'Squeeze',
  'Unsqueeze',
]);

/** Walks back from the logits to the layer that makes them. @throws UserError that names the node where that ends */
export function findHead(graph: FileGraph): FileHead {
  const after: FollowingNode[] = [];
  const dropped: string[] = [];
  let name = graph.output;
  for (;;) {
    const node = graph.makers.get(name);
    if (!node) return fail(graph, `the input "${name}"`);
    const found = layerAt(graph, node, name);
    if (found) return { ...found, ...withDropout(graph, found.input), after: after.reverse(), dropped };
    const input = throughInput(graph, node);
    if (input === undefined) return fail(graph, `the ${describeNode(node)}`);
    if (probabilities.has(node.operator) && after.every((later) => arranging.has(later.node.operator))) {
      dropped.push(node.operator);
    } else {
      after.push({ node, input });
    }
    name = input;
  }
}

/** The input by which a node may lie between the classifying layer and the logits; undefined where it may not. */
function throughInput(graph: FileGraph, { operator, inputs }: DecodedNode): string | undefined {
  const isActivation = (name: string) => graph.activations.has(name);
  if (scaling.has(operator)) {
    const others = inputs.filter((name) => !isActivation(name));
    return others.length === 1 && graph.constant(others[0]!)?.data.length === 1 ? inputs.find(isActivation) : undefined;
  }
  const [input = ''] = inputs;
  return isActivation(input) && (passing.has(operator) || probabilities.has(operator)) ? input : undefined;
}

function fail({ output }: FileGraph, where: string): never {
  throw new UserError(
    `ONNX: no classifier found: the way back from the output "${output}" to a linear layer or convolution ends ` +
      `at ${where}.`,
  );
}

type Layer = Pick<FileHead, 'node' | 'output' | 'input' | 'weight' | 'bias' | 'weightName' | 'biasName'>;

function layerAt(graph: FileGraph, node: DecodedNode, output: string): Layer | undefined {
  if (node.operator === 'Gemm') return gemm(graph, node, output);
  if (node.operator === 'MatMul') return product(graph, node, output, undefined);
  if (node.operator === 'Conv') return convolution(graph, node, output);
  if (node.operator !== 'Add') return undefined;
  const [a = '', b = ''] = node.inputs;
  const [inner, shift] = graph.activations.has(a) ? [a, b] : [b, a];
  const maker = graph.makers.get(inner);
  if (maker?.operator === 'Conv') return convolution(graph, maker, output, shift);
  return maker?.operator === 'MatMul' ? product(graph, maker, output, shift) : undefined;
}

function gemm(graph: FileGraph, node: DecodedNode, output: string): Layer | undefined {
  const [input = '', weightName = '', biasName = ''] = node.inputs;
  const number = (name: string, otherwise: number) => {
    const attribute = node.attributes.get(name);
    return attribute?.kind === 'float' || attribute?.kind === 'int' ? attribute.value : otherwise;
  };
  const matrix = matrixOf(graph, weightName);
  if (!matrix || number('transA', 0) !== 0) return undefined;
  const weight = scaled(number('transB', 0) === 0 ? transposed(matrix) : matrix, number('alpha', 1));
  const bias = biasOf(graph, biasName, weight.shape[0]!);
  return bias && { node, output, input, weight, bias: scaled(bias, number('beta', 1)), weightName, biasName };
}

function product(graph: FileGraph, node: DecodedNode, output: string, shift: string | undefined): Layer | undefined {
  const [input = '', weightName = ''] = node.inputs;
  const matrix = matrixOf(graph, weightName);
  if (!matrix) return undefined;
  const weight = transposed(matrix);
  const bias = biasOf(graph, shift ?? '', weight.shape[0]!);
  return bias && { node, output, input, weight, bias, weightName, biasName: shift ?? '' };
}

/**
 * `shift` is what is added behind the convolution, where a bias is written so: as a number for each channel (c, 1, 1).
 */
function convolution(graph: FileGraph, node: DecodedNode, output: string, shift?: string): Layer | undefined {
  const [input = '', weightName = '', own = ''] = node.inputs;
  if (shift !== undefined && own !== '') return undefined;
  const biasName = shift === undefined ? own : perChannel(graph, shift);
  const weight = graph.constant(weightName);
  const bias = weight && biasName !== undefined ? biasOf(graph, biasName, weight.shape[0]!) : undefined;
  const group = node.attributes.get('group');
  const grouped = group?.kind === 'int' && group.value !== 1;
  return !weight || !bias || weight.shape.length !== 4 || grouped
    ? undefined
    : { node, output, input, weight, bias, weightName, biasName: biasName ?? '' };
}

/**
 * The constant that is added to each channel (c, 1, 1), given in that shape or put into it; undefined where it is none.
 */
function perChannel(graph: FileGraph, name: string): string | undefined {
  const isPerChannel = (shape: readonly number[]) => {
    const [channels, ...pixels] = shape.slice(-3);
    return (
      pixels.length === 2 && pixels.every((d) => d === 1) && shape.slice(0, -3).every((d) => d === 1) && !!channels
    );
  };
  const found = graph.constant(name);
  if (found) return found.data.length === 1 || isPerChannel(found.shape) ? name : undefined;
  const maker = graph.makers.get(name);
  const target = maker?.operator === 'Reshape' ? graph.constant(maker.inputs[1] ?? '') : undefined;
  return target && target.data.length <= 8 && isPerChannel(numbersOf(target)) ? maker!.inputs[0] : undefined;
}

/** A constant matrix, also one that is transposed on its way. */
function matrixOf(graph: FileGraph, name: string): Tensor | undefined {
  const found = graph.constant(name);
  if (found) return found.shape.length === 2 && found.dtype === 'f32' ? found : undefined;
  const maker = graph.makers.get(name);
  const source = maker?.operator === 'Transpose' ? graph.constant(maker.inputs[0] ?? '') : undefined;
  return source?.shape.length === 2 && source.dtype === 'f32' ? transposed(source) : undefined;
}

function transposed({ shape, data }: Tensor): Tensor {
  const [rows, columns] = shape as [number, number];
  const turned = new Float32Array(data.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) turned[j * rows + i] = Number(data[i * columns + j]);
  return tensor('f32', [columns, rows], turned);
}

function scaled(value: Tensor, factor: number): Tensor {
  return factor === 1
    ? value
    : f32(
        value.shape,
        Float32Array.from(numbersOf(value), (x) => x * factor),
      );
}

/** One number per class; zeros where there is no bias. Undefined where it is none that all images share. */
function biasOf(graph: FileGraph, name: string, classes: number): Tensor | undefined {
  if (name === '') return f32([classes], new Float32Array(classes));
  const values = graph.constant(name);
  if (values?.data.length === classes) return f32([classes], Float32Array.from(numbersOf(values)));
  if (values?.data.length === 1) return f32([classes], new Float32Array(classes).fill(Number(values.data[0])));
  return undefined;
}

/** Dropout right before the layer belongs to the head: the backbone then gives the same features at every look. */
function withDropout(graph: FileGraph, layerInput: string): Pick<FileHead, 'input' | 'before'> {
  const before: DecodedNode[] = [];
  let input = layerInput;
  for (let node = graph.makers.get(input); node && /^(Dropout|Identity)$/.test(node.operator); ) {
    before.unshift(node);
    input = node.inputs[0] ?? '';
    node = graph.makers.get(input);
  }
  return { input, before };
}
