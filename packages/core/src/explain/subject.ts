import { OptionError, UserError } from '../base/errors.ts';
import { argmax } from '../base/largest.ts';
import { formatType, type Shape, type Tensor, type TensorOf, type Tensors, zeros } from '../base/tensor.ts';
import { rowsFrom, setRow } from '../fit/source.ts';
import { feedNames, type Network, resultNames } from '../fit/step.ts';
import { input, type Value } from '../graph/index.ts';
import type { Preprocessing } from '../models/index.ts';
import { Scope } from '../nn/index.ts';
import { mul, reduceSum } from '../ops/index.ts';
import type { Program, Runtime } from '../runtime/index.ts';

/** A network with its numbers, whose outputs can be explained: a `Model` or an `ImageClassifier`. */
export interface ExplainedNetwork {
  /** From images (n, c, h, w) to one number for each class, (n, classes). */
  readonly network: Network;
  /** Its parameters and buffers by name. */
  readonly variables: Tensors;
  readonly runtime: Runtime;
  /** The preprocessing of an image model, whose mean colour stands for an image without content. */
  readonly image?: { readonly preprocessing: Preprocessing } | null;
}

/** Options of every method that explains outputs. */
export interface AttributionOptions {
  /** The class to explain for each image, by its position. Default: the likeliest one of each. */
  readonly targets?: readonly number[] | undefined;
  /** Images (or variants of them) that are computed at once. Default 8. */
  readonly batchSize?: number | undefined;
  /** Ends it between two batches, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Hears of each batch: how many rows of how many are computed. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Rows that are computed at once. */
export const usualBatch = 8;

/** The numbers of one image as the network takes it. */
export interface ImageShape {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** @throws UserError where the network does not take images (c, h, w) */
export function imageShape({ network }: ExplainedNetwork): ImageShape {
  const [channels, height, width, ...others] = network.input.shape;
  if (channels === undefined || height === undefined || width === undefined || others.length > 0) {
    throw new UserError(`explain: the network takes ${formatType(network.input)}, not images (c, h, w).`);
  }
  return { channels, height, width };
}

/** @throws OptionError where these are not images in a batch as the network takes them */
export function assertImages({ network }: ExplainedNetwork, images: Tensor): void {
  const count = images.shape[0] ?? 0;
  const { dtype, shape } = network.input;
  if (count > 0 && formatType(images) === formatType({ dtype, shape: [count, ...shape] })) return;
  const expected = `images ${formatType(network.input)} in a batch (n, c, h, w)`;
  throw new OptionError({ option: 'images', expected, received: formatType(images) });
}

/**
 * What every method begins with: the outputs of images, and the class to explain of each.
 *
 * @throws OptionError where the images or the targets do not fit; the signal's reason
 */
export async function outputsAndTargets(
  subject: ExplainedNetwork,
  forward: Outputs,
  images: Tensor,
  { signal, targets }: Pick<AttributionOptions, 'signal' | 'targets'>,
): Promise<{
  readonly count: number;
  readonly outputs: TensorOf<'f32'>;
  readonly targets: readonly number[];
}> {
  assertImages(subject, images);
  const outputs = await forward.run(images, { signal });
  return { count: images.shape[0]!, outputs, targets: targetsOf(outputs, targets) };
}

/** The feed that holds 1 at the class to explain of each row, and 0 elsewhere. */
export const targetFeed = 'explain/targets';

/** A network's graph for a batch, with the explained outputs summed: rows do not touch each other in evaluation. */
export interface ExplainedGraph {
  readonly input: Value;
  /** (n, classes) */
  readonly outputs: Value;
  /** The sum over the batch of the explained class's output. */
  readonly score: Value;
  readonly endpoints: ReadonlyMap<string, Value>;
}

/** @throws UserError where the network's output is not one number for each class */
export function explainedGraph({ network }: ExplainedNetwork, size: number, dtype = network.input.dtype) {
  const { scope, trace } = Scope.root({ training: false });
  const x = input(feedNames.input, dtype, [size, ...network.input.shape]);
  const outputs = network.forward(scope, x);
  if (outputs.shape.length !== 2 || outputs.dtype !== 'f32') {
    throw new UserError(
      `explain: the network gives ${formatType(outputs)}, expected one number for each class, f32 (n, classes).`,
    );
  }
  const score = reduceSum(mul(outputs, input(targetFeed, 'f32', outputs.shape)));
  const graph: ExplainedGraph = { input: x, outputs, score, endpoints: trace.endpoints };
  return graph;
}

/** 1 at the class of each row. Rows beyond `targets` are zero. */
export function oneHot(targets: readonly number[], shape: Shape): TensorOf<'f32'> {
  const hot = zeros('f32', shape);
  for (const [row, target] of targets.entries()) hot.data[row * shape[1]! + target] = 1;
  return hot;
}

/**
 * Computes rows in batches of the program's size; the last one is filled up with zeros. `use` is told of each row's
 * results in turn.
 */
export async function inBatches(
  program: Program,
  rows: {
    readonly count: number;
    readonly size: number;
    /** The feeds of rows [first, first + count), each (size, …). */
    readonly feeds: (first: number, count: number) => Tensors;
  },
  use: (row: number, results: (name: string) => Float32Array) => void,
  { signal, onProgress }: Pick<AttributionOptions, 'signal' | 'onProgress'>,
): Promise<void> {
  for (let first = 0; first < rows.count; first += rows.size) {
    signal?.throwIfAborted();
    const count = Math.min(rows.size, rows.count - first);
    const results = await program.run(rows.feeds(first, count));
    for (let i = 0; i < count; i++) use(first + i, (name) => floats(rowsFrom(results[name]!, i, 1)));
    onProgress?.(first + count, rows.count);
  }
}

function floats({ dtype, data }: Tensor): Float32Array {
  if (dtype !== 'f32') throw new Error(`explain: expected f32, received ${dtype}`);
  return data;
}

/** Some rows of a tensor at the front of a batch of zeros. */
export function padded(images: Tensor, first: number, count: number, size: number): Tensor {
  if (count === size) return rowsFrom(images, first, count);
  const batch = zeros(images.dtype, [size, ...images.shape.slice(1)]);
  setRow(batch, 0, rowsFrom(images, first, count).data);
  return batch;
}

/** A source of a network's outputs. */
export interface Outputs {
  readonly classes: number;
  /** The program that computes them, for rows of one's own. */
  readonly program: Program;
  /** f32 (n, classes) for images (n, c, h, w) of any n. */
  run(images: Tensor, options: Pick<AttributionOptions, 'signal'>): Promise<TensorOf<'f32'>>;
  release(): Promise<void>;
}

/** Compiles a network's outputs for batches of a size. */
export async function openOutputs(subject: ExplainedNetwork, size: number): Promise<Outputs> {
  const { outputs } = explainedGraph(subject, size);
  const classes = outputs.shape[1]!;
  const program = await subject.runtime.compile({ [resultNames.outputs]: outputs });
  const run: Outputs['run'] = async (images, { signal }) => {
    const count = images.shape[0]!;
    const all = zeros('f32', [count, classes]);
    const feeds = (first: number, some: number) => ({
      ...subject.variables,
      [feedNames.input]: padded(images, first, some, size),
    });
    const use = (row: number, of: (name: string) => Float32Array) => setRow(all, row, of(resultNames.outputs));
    await inBatches(program, { count, size, feeds }, use, { signal });
    return all;
  };
  return { classes, program, run, release: () => program.release() };
}

/**
 * The classes that are asked for, or else the likeliest of each image.
 * @throws OptionError where there is not one for each image, or one is no class
 */
function targetsOf(outputs: TensorOf<'f32'>, given: readonly number[] | undefined): readonly number[] {
  const [count, classes] = outputs.shape as [number, number];
  if (given === undefined) {
    return Array.from({ length: count }, (_, row) => argmax(outputs.data.subarray(row * classes, (row + 1) * classes)));
  }
  assertTargets(given, count, classes);
  return given;
}

/** @throws OptionError where there is not one for each image, or one is no class */
function assertTargets(given: readonly number[], count: number, classes: number): void {
  const isClass = (target: number) => Number.isInteger(target) && target >= 0 && target < classes;
  if (given.length === count && given.every(isClass)) return;
  const expected = `a class from 0 to ${classes - 1} for each of ${count} images`;
  throw new OptionError({ option: 'targets', expected, received: given });
}

/**
 * The value of each channel in an image without content: the preprocessing's mean colour, which is 0 to the network, or
 * 0 for networks of one's own.
 *
 * @throws OptionError where there is not one number for each channel
 */
export function baselineOf(subject: ExplainedNetwork, given: readonly number[] | undefined): readonly number[] {
  const { channels } = imageShape(subject);
  const mean = subject.image?.preprocessing.mean;
  const baseline = given ?? mean?.map((value) => 255 * value) ?? new Array<number>(channels).fill(0);
  if (baseline.length === channels && baseline.every(Number.isFinite)) return baseline;
  throw new OptionError({ option: 'baseline', expected: `${channels} numbers, one a channel`, received: given });
}
