import { UserError } from '../base/errors.ts';
import { quote } from '../base/quote.ts';
import type { Tensors } from '../base/tensor.ts';
import { ActivationHistogram, type ActivationRange, ChannelSums } from './activation-range.ts';
import type { CalibrationMethod } from './names.ts';
import type { OnnxModel } from './onnx-model.ts';
import { FreshNames, i64Tensor, onnxNode } from './onnx-numbers.ts';
import { writeOnnx } from './write-model.ts';

/** A model in a runtime that runs ONNX files. */
export interface OnnxSession {
  /** Every output by name. */
  run(feeds: Tensors): Promise<Tensors>;
  release(): Promise<void>;
}

/** Opens an ONNX file in a runtime. */
export type OpenOnnx = (file: Uint8Array) => Promise<OnnxSession>;

/** Ranges by the name of the activation. */
export type ActivationRanges = ReadonlyMap<string, ActivationRange>;

export interface CalibrateOptions {
  /** The runtime. */
  readonly open: OpenOnnx;
  /** Default `mse`. */
  readonly method?: CalibrationMethod;
  /** Ends it between two images, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((images: number) => void) | undefined;
}

/**
 * The ranges of a model's activations over images: of every f32 value that is not computed of constants alone. Give it
 * training images: what the model is measured on must not choose its ranges. Memory holds the activations of one image
 * (of what one feed has) and a histogram of 32 KB for each activation.
 *
 * @param images the model's inputs by name, one image after the other
 * @throws UserError where there are no images, or an activation is not finite
 */
export async function calibrate(
  model: OnnxModel,
  images: AsyncIterable<Tensors> | Iterable<Tensors>,
  { open, method = 'mse', signal, onProgress }: CalibrateOptions,
): Promise<ActivationRanges> {
  const activations = floatActivations(model);
  const { observed, outputs } = withObservedActivations(model, activations);
  const histograms = new Map(activations.map((name) => [name, new ActivationHistogram()]));
  const seen = new Map<string, { readonly shape: readonly number[]; readonly channels: ChannelSums }>();
  const session = await open(writeOnnx(observed));
  let count = 0;
  try {
    for await (const feeds of images) {
      signal?.throwIfAborted();
      const results = await session.run(feeds);
      for (const [name, { values, shape }] of outputs) {
        const { data } = results[values]!;
        if (!(data instanceof Float32Array)) throw new Error(`calibrate: ${name} is not f32`);
        histograms.get(name)!.add(data);
        if (!seen.has(name)) {
          const sizes = Array.from(results[shape]!.data as BigInt64Array, Number);
          seen.set(name, { shape: sizes, channels: new ChannelSums(sizes) });
        }
        seen.get(name)!.channels.add(data);
      }
      count++;
      onProgress?.(count);
    }
  } finally {
    await session.release();
  }
  if (count === 0) throw new UserError('calibrate: there are no images to calibrate with.');
  return new Map(activations.map((name) => [name, rangeOf(name)]));

  function rangeOf(name: string): ActivationRange {
    const range = histograms.get(name)!.range(method);
    const { shape, channels } = seen.get(name)!;
    if (Number.isFinite(range.minimum) && Number.isFinite(range.maximum)) {
      return { ...range, shape, channels: channels.means() };
    }
    throw new UserError(
      `calibrate: the activation ${quote(name)} is not finite on the calibration images, so that no range of it can be ` +
        'quantised.',
    );
  }
}

/** Operators whose result is not of the type of their first input. */
const ofOtherType = new Set([
  'Shape',
  'Size',
  'Equal',
  'Less',
  'Greater',
  'LessOrEqual',
  'GreaterOrEqual',
  'Not',
  'And',
  'Or',
]);
const codeOfF32 = 1;

/** The names of the f32 values that depend on an input, in the order in which they are computed. */
function floatActivations({ nodes, inputs, initializers }: OnnxModel): string[] {
  const floats = new Set(inputs.filter(({ dtype }) => dtype === 'f32').map(({ name }) => name));
  const varying = new Set(inputs.map(({ name }) => name));
  const isF32 = (name = '') => floats.has(name) || initializers.get(name)?.dtype === 'f32';
  for (const { operator, inputs: read, outputs, attributes } of nodes) {
    if (!read.some((name) => varying.has(name))) continue;
    const [output = ''] = outputs;
    for (const name of outputs) varying.add(name);
    const cast = attributes.get('to');
    const isFloat =
      operator === 'Cast'
        ? cast?.kind === 'int' && cast.value === codeOfF32
        : !ofOtherType.has(operator) && isF32(read[operator === 'Where' ? 1 : 0]);
    if (isFloat) floats.add(output);
  }
  return [...floats];
}

/**
 * The model with the numbers of activations as outputs, each in one row beside its shape: an output must name its rank,
 * which is not known.
 */
function withObservedActivations(model: OnnxModel, activations: readonly string[]) {
  const names = new FreshNames(model);
  const row = names.take('one_row');
  const outputs = new Map(
    activations.map((name) => [name, { values: names.take(`${name}_values`), shape: names.take(`${name}_shape`) }]),
  );
  const added = [...outputs].flatMap(([name, { values, shape }]) => [
    onnxNode('Reshape', [name, row], values),
    onnxNode('Shape', [name], shape),
  ]);
  const slots = [...outputs.values()].flatMap(({ values, shape }) => [
    { name: values, dtype: 'f32', shape: [values] } as const,
    { name: shape, dtype: 'i64', shape: [shape] } as const,
  ]);
  const observed: OnnxModel = {
    ...model,
    nodes: [...model.nodes, ...added],
    initializers: new Map([...model.initializers, [row, i64Tensor([-1])]]),
    outputs: slots,
  };
  return { observed, outputs };
}
