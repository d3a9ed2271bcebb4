import type { Tensors } from '../../base/tensor.ts';
import { type DecodedModel, decode } from '../../graph/index.ts';
import type { NamedArchitecture } from '../model.ts';
import { importArchitecture } from './architecture.ts';
import { checkShapes } from './check.ts';
import { type FileGraph, fileGraph, opsets } from './file-graph.ts';
import { type FileHead, findHead } from './head.ts';
import { type ImageFormat, imageFormat, type PreprocessingOptions, preprocessingFor, writtenClasses } from './image.ts';
import { expectSupported } from './interpret.ts';

/** The choices that a file leaves open. All of it can be kept as JSON beside the file, and opens it again as it was. */
export interface OnnxModelOptions extends PreprocessingOptions {
  /** The model's name. Default `onnx`. */
  readonly name?: string;
  /** The output with the logits, where the file has several. Default: the one that is called so. */
  readonly output?: string;
}

/** An ONNX file as a model like those of the zoo. */
export interface OnnxModel {
  readonly model: NamedArchitecture;
  /** The file's numbers for all parameters and buffers, those of the head included. */
  readonly tensors: Tensors;
  readonly numClasses: number;
  /** The names of the classes, in a file that Graft wrote. */
  readonly classes: readonly string[] | undefined;
  /** The metadata of the file. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The assumptions made and the parts left out, a sentence each. */
  readonly notes: readonly string[];
}

/**
 * Reads an ONNX classifier into a differentiable model: its weights are parameters, its BatchNormalization and Dropout
 * nodes are layers that behave in training, and its last linear layer is the head. Shapes are those of the images and
 * the batch at hand, so that both may be others than the file was exported for, where its layers allow it.
 *
 * @throws UserError where the file is damaged, has unsupported operators, or is not a classifier of images
 */
export function openOnnxModel(bytes: Uint8Array, options: OnnxModelOptions = {}): OnnxModel {
  const decoded = decode(bytes);
  const graph = fileGraph(decoded, options.output);
  expectSupported(graph.nodes, graph.opset);
  const head = findHead(graph);
  const format = imageFormat(graph);
  const { preprocessing, notes } = preprocessingFor(decoded, graph, format, options);
  const architecture = importArchitecture(graph, head, format);
  const numClasses = head.weight.shape[0]!;
  const model: NamedArchitecture = {
    name: options.name ?? 'onnx',
    ...architecture.model,
    preprocessing,
    source: describeSource(decoded, graph.opset),
  };
  checkShapes(graph, architecture, { size: preprocessing.crop, numClasses, batch: format.batch });
  return {
    model,
    tensors: architecture.tensors,
    numClasses,
    classes: writtenClasses(decoded, numClasses),
    metadata: decoded.metadata,
    notes: [...notes, ...notesOn(graph, head, format), ...noteOnWeights(architecture.computedWeights)],
  };
}

function describeSource({ producer }: DecodedModel, opset: number): string {
  return `an ONNX file of opset ${opset}${producer === '' ? '' : `, written by ${producer.slice(0, 50)}`}`;
}

function noteOnWeights(count: number): string[] {
  const layers = count === 1 ? 'one layer' : `${count} layers`;
  return count === 0 ? [] : [`The file computes the weights of ${layers} from others; these are not trained.`];
}

function notesOn({ opset }: FileGraph, { dropped }: FileHead, { channels }: ImageFormat): string[] {
  return [
    ...(dropped.length > 0 ? [`${dropped.join(' and ')} behind the logits is left out.`] : []),
    ...(channels === 1 ? ['The file takes grey images: colours are weighted by their brightness.'] : []),
    ...(opset > opsets.newest ? [`The file is of opset ${opset}; it is read as opset ${opsets.newest}.`] : []),
  ];
}
