import { UserError } from '../../base/errors.ts';
import { type Shape, sizeOf, type Tensors } from '../../base/tensor.ts';
import { type DecodedNode, input, type Value } from '../../graph/index.ts';
import { type Conv2dOptions, conv2d, linear, Scope } from '../../nn/index.ts';
import { reshape } from '../../ops/index.ts';
import type { Architecture } from '../model.ts';
import { noteReshape, type ReshapeInFile } from './batch.ts';
import { type BlockEnd, findBlocks } from './blocks.ts';
import type { FileGraph } from './file-graph.ts';
import { arranging, type FileHead } from './head.ts';
import { type ImageFormat, toFormat } from './image.ts';
import { atNode, fixedNodes, type InterpretOptions, interpret, type Program } from './interpret.ts';
import { planParameters } from './parameters.ts';

/** An architecture with the file's numbers. */
export interface ImportedArchitecture {
  readonly model: Architecture;
  readonly tensors: Tensors;
  /** The number of layers that stay as they are, because the file computes their weights. */
  readonly computedWeights: number;
  /** Runs the backbone, with a callback for the values of each node. */
  runBackbone(s: Scope, images: Value, onNode?: InterpretOptions['onNode']): Value;
}

/** Divides a file's graph at its head, and turns both parts into values whenever they are asked for. */
export function importArchitecture(graph: FileGraph, head: FileHead, format: ImageFormat): ImportedArchitecture {
  const backbone = backboneOf(graph, head.input);
  const plan = planParameters(graph, [...backbone, ...head.before, ...head.after.map(({ node }) => node)], head);
  const program: Program = { graph, plan };
  const ends = findBlocks(graph, backbone, head.input, plan);
  const fixed = fixedNodes(program, backbone);
  const constants = interpret(program, [...fixed], new Map(), Scope.root({ training: false }).scope);
  const nodes = backbone.filter((node) => !fixed.has(node));
  const given = (images: Value) => new Map([...constants, [graph.image.name, toFormat(images, format)]]);
  const inFile = reshapesInFile(program, nodes, format.batch, given);
  const convolution = head.weight.shape.length === 4 ? convolutionOf(head) : undefined;
  const runBackbone: ImportedArchitecture['runBackbone'] = (s, images, onNode) => {
    const values = interpret(program, nodes, given(images), s, {
      inFile: inFile(images.shape),
      onNode(call, outputs) {
        noteEndpoint(s, ends.get(call.node), call.node, outputs);
        onNode?.(call, outputs);
      },
    });
    return values.get(head.input)!;
  };
  return {
    tensors: plan.tensors,
    computedWeights: plan.computedWeights,
    runBackbone,
    model: {
      headPath: plan.headPath,
      backbone: (s, images) => runBackbone(s, images),
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
function backboneOf(graph: FileGraph, features: string): DecodedNode[] {
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

/** The shapes of the Reshapes in the file's own batch, for images of a size; only asked for in another batch. */
function reshapesInFile(
  program: Program,
  nodes: readonly DecodedNode[],
  batch: number,
  given: (images: Value) => Map<string, Value>,
): (shape: Shape) => ReadonlyMap<DecodedNode, ReshapeInFile> {
  const bySize = new Map<string, Map<DecodedNode, ReshapeInFile>>();
  return ([n, ...size]) => {
    const notes = bySize.get(size.join()) ?? new Map<DecodedNode, ReshapeInFile>();
    if (n === batch || bySize.has(size.join())) return notes;
    const { scope } = Scope.root({ training: false });
    interpret(program, nodes, given(input('images', 'f32', [batch, ...size])), scope, {
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
  const stride = same('strides', 1);
  const padding = same('pads', 0);
  const dilation = same('dilations', 1);
  const mode = node.attributes.get('auto_pad');
  const automatic = mode?.kind === 'string' && mode.value.startsWith('SAME') && height * width > 1;
  if (height !== width || Number.isNaN(stride + padding + dilation) || automatic) {
    throw new UserError('ONNX: the classifying convolution is not the same along both axes, which is not supported.');
  }
  return { kernel: height, stride, padding, dilation };
}

/** From the classifying layer to logits (n, classes), by the nodes that the file has between them. */
function toLogits(program: Program, head: FileHead, s: Scope, layer: Value, numClasses: number): Value {
  // Nodes at the end that only remove axes are left out: the file has them for its own number of classes.
  const last = head.after.findLastIndex(({ node }) => !arranging.has(node.operator));
  const nodes = head.after.slice(0, last + 1);
  const [first] = nodes;
  const values =
    first &&
    interpret(
      program,
      nodes.map(({ node }) => node),
      new Map([[first.input, layer]]),
      s,
    );
  const y = values?.get(nodes.at(-1)!.node.outputs[0]!) ?? layer;
  const batch = layer.shape[0]!;
  if (sizeOf(y.shape) === batch * numClasses) return reshape(y, [batch, numClasses]);
  throw new UserError(
    `ONNX: the file's head gives [${y.shape}] for these images, expected [${batch}, ${numClasses}]. ` +
      'It may have been made for images of another size.',
  );
}
