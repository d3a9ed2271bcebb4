import { UserError } from '../../base/errors.ts';
import { formatType, type Shape, sizeOf, type Tensors } from '../../base/tensor.ts';
import { type DecodedModel, type DecodedNode, decode, input, type Value } from '../../graph/index.ts';
import { type Conv2dOptions, conv2d, linear, Scope } from '../../nn/index.ts';
import { reshape, sameShape } from '../../ops/index.ts';
import { type Architecture, applyModel, type Model } from '../model.ts';
import { noteReshape, type ReshapeInFile } from './batch.ts';
import { type BlockEnd, findBlocks } from './blocks.ts';
import { type FileGraph, fileGraph, opsets } from './file-graph.ts';
import { arranging, type FileHead, findHead } from './head.ts';
import { atNode, expectSupported, fixedNodes, interpret, type Program } from './interpret.ts';
import { planParameters } from './parameters.ts';
import {
  type PictureFormat,
  type PreprocessingOptions,
  pictureFormat,
  preprocessingFor,
  toFormat,
  writtenClasses,
} from './picture.ts';

/** What a file leaves open. All of it can be kept as JSON beside the file, and opens it again as it was. */
export interface OnnxModelOptions extends PreprocessingOptions {
  /** What the model is called. Default `onnx`. */
  readonly name?: string;
  /** The output with the logits, where the file has several. Default: the one that is called so. */
  readonly output?: string;
}

/** An ONNX file as a model like those of the zoo. */
export interface OnnxModel {
  readonly model: Model;
  /** The file's numbers for all parameters and buffers, those of the head included. */
  readonly tensors: Tensors;
  readonly numClasses: number;
  /** The names of the classes, in a file that Graft wrote. */
  readonly classes: readonly string[] | undefined;
  /** What was assumed or left out, a sentence each. */
  readonly notes: readonly string[];
}

/**
 * Reads an ONNX classifier into a differentiable model: its weights are parameters, its BatchNormalization and Dropout
 * nodes are layers that behave in training, and its last linear layer is the head. Shapes are those of the pictures and
 * the batch at hand, so that both may be others than the file was exported for, where its layers allow it.
 *
 * @throws UserError where the file is damaged, has operators that there are not, or is no classifier of pictures
 */
export function openOnnxModel(bytes: Uint8Array, options: OnnxModelOptions = {}): OnnxModel {
  const decoded = decode(bytes);
  const graph = fileGraph(decoded, options.output);
  expectSupported(graph.nodes, graph.opset);
  const head = findHead(graph);
  const format = pictureFormat(graph);
  const { preprocessing, notes } = preprocessingFor(decoded, graph, format, options);
  const architecture = importArchitecture(graph, head, format);
  const numClasses = head.weight.shape[0]!;
  const model: Model = {
    name: options.name ?? 'onnx',
    ...architecture.model,
    preprocessing,
    source: describeSource(decoded, graph.opset),
  };
  checkShapes(model, architecture.tensors, numClasses, format.batch);
  return {
    model,
    tensors: architecture.tensors,
    numClasses,
    classes: writtenClasses(decoded, numClasses),
    notes: [...notes, ...notesOn(graph, head, format)],
  };
}

function describeSource({ producer }: DecodedModel, opset: number): string {
  return `an ONNX file of opset ${opset}${producer === '' ? '' : `, written by ${producer.slice(0, 50)}`}`;
}

function notesOn({ opset }: FileGraph, { dropped }: FileHead, { channels }: PictureFormat): string[] {
  return [
    ...(dropped.length > 0 ? [`${dropped.join(' and ')} behind the logits is left out.`] : []),
    ...(channels === 1 ? ['The file takes grey pictures: colours are weighted by their brightness.'] : []),
    ...(opset > opsets.newest ? [`The file is of opset ${opset}; it is read as opset ${opsets.newest}.`] : []),
  ];
}

/** Runs for shapes alone, in the batch of the file and in another. @throws UserError where the file contradicts itself */
function checkShapes(model: Model, tensors: Tensors, numClasses: number, batch: number): void {
  const { crop } = model.preprocessing;
  for (const n of [batch, batch + 1]) {
    const { scope, trace } = Scope.root({ training: false });
    applyModel(model, scope, input('pictures', 'f32', [n, 3, crop, crop]), { numClasses });
    for (const variable of trace.variables.values()) {
      const found = tensors[variable.name];
      if (found && sameShape(found.shape, variable.shape)) continue;
      const received = found ? formatType(found) : 'nothing';
      throw new UserError(`ONNX: ${variable.name} should be ${formatType(variable)}, but the file has ${received}.`);
    }
  }
}

function importArchitecture(
  graph: FileGraph,
  head: FileHead,
  format: PictureFormat,
): { model: Architecture; tensors: Tensors } {
  const trunk = trunkOf(graph, head.input);
  const plan = planParameters(graph, [...trunk, ...head.before, ...head.after], head);
  const program: Program = { graph, plan };
  const ends = findBlocks(graph, trunk, head.input, plan);
  const fixed = fixedNodes(program, trunk);
  const constants = interpret(program, [...fixed], new Map(), Scope.root({ training: false }).scope);
  const nodes = trunk.filter((node) => !fixed.has(node));
  const given = (pictures: Value) => new Map([...constants, [graph.picture.name, toFormat(pictures, format)]]);
  const inFile = reshapesInFile(program, nodes, format.batch, given);
  const convolution = head.weight.shape.length === 4 ? convolutionOf(head) : undefined;
  return {
    tensors: plan.tensors,
    model: {
      headPath: plan.headPath,
      trunk(s, pictures) {
        const values = interpret(program, nodes, given(pictures), s, {
          inFile: inFile(pictures.shape),
          onNode: ({ node }, outputs) => noteEndpoint(s, ends.get(node), node, outputs),
        });
        return values.get(head.input)!;
      },
      head(s, features, numClasses) {
        const before = interpret(program, head.before, new Map([[head.input, features]]), s);
        const x = before.get(head.node.inputs[0]!)!;
        const layer = s.at(plan.headPath);
        const y = atNode(head.node, [x], () =>
          convolution
            ? conv2d(layer, x, { channels: numClasses, ...convolution })
            : linear(layer, x, { features: numClasses }),
        );
        return toLogits(program, head, s, y, numClasses);
      },
    },
  };
}

/** The nodes that the features depend on. */
function trunkOf(graph: FileGraph, features: string): DecodedNode[] {
  const needed = new Set([features]);
  const nodes = graph.nodes.toReversed().filter(({ inputs, outputs }) => {
    if (!outputs.some((name) => needed.has(name))) return false;
    for (const name of inputs) needed.add(name);
    return true;
  });
  return nodes.reverse();
}

function noteEndpoint(s: Scope, end: BlockEnd | undefined, node: DecodedNode, outputs: readonly Value[]): void {
  const value = end && outputs[node.outputs.indexOf(end.value)];
  if (value) s.endpoint(end.name, value);
}

/** What the Reshapes do in the file's own batch, for pictures of a size; only asked for in another batch. */
function reshapesInFile(
  program: Program,
  nodes: readonly DecodedNode[],
  batch: number,
  given: (pictures: Value) => Map<string, Value>,
): (shape: Shape) => ReadonlyMap<DecodedNode, ReshapeInFile> {
  const bySize = new Map<string, Map<DecodedNode, ReshapeInFile>>();
  return ([n, ...size]) => {
    const notes = bySize.get(size.join()) ?? new Map<DecodedNode, ReshapeInFile>();
    if (n === batch || bySize.has(size.join())) return notes;
    const { scope } = Scope.root({ training: false });
    interpret(program, nodes, given(input('pictures', 'f32', [batch, ...size])), scope, {
      onNode: ({ node, inputs }, [output]) => noteReshape(notes, node, inputs, output),
    });
    bySize.set(size.join(), notes);
    return notes;
  };
}

/** The geometry of a classifying convolution, which is 1x1 in every network that is known. */
function convolutionOf({ node, weight }: FileHead): Omit<Conv2dOptions, 'channels'> {
  const [, , height, width] = weight.shape as [number, number, number, number];
  const same = (name: string, otherwise: number) => {
    const attribute = node.attributes.get(name);
    const list = attribute?.kind === 'ints' ? attribute.value : [otherwise];
    return list.every((n) => n === list[0]) ? list[0]! : Number.NaN;
  };
  const [stride, padding, dilation] = [same('strides', 1), same('pads', 0), same('dilations', 1)];
  const mode = node.attributes.get('auto_pad');
  const automatic = mode?.kind === 'string' && mode.value.startsWith('SAME') && height * width > 1;
  if (height !== width || Number.isNaN(stride + padding + dilation) || automatic) {
    throw new UserError('ONNX: the classifying convolution is not the same along both axes, which is not supported.');
  }
  return { kernel: height, stride, padding, dilation };
}

/** From the classifying layer to logits (n, classes), by what the file does between them. */
function toLogits(program: Program, head: FileHead, s: Scope, layer: Value, numClasses: number): Value {
  // What stands at the end and only takes away axes need not be done as the file does it, for its number of classes.
  const last = head.after.findLastIndex(({ operator }) => !arranging.has(operator));
  let y = layer;
  for (const node of head.after.slice(0, last + 1)) {
    y = interpret(program, [node], new Map([[node.inputs[0]!, y]]), s).get(node.outputs[0]!)!;
  }
  const batch = layer.shape[0]!;
  if (sizeOf(y.shape) === batch * numClasses) return reshape(y, [batch, numClasses]);
  throw new UserError(
    `ONNX: the file's head makes [${y.shape}] of these pictures, expected [${batch}, ${numClasses}]. ` +
      'It may have been made for pictures of another size.',
  );
}
