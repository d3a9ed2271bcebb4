import type { Tensors } from '../base/tensor.ts';
import type { ActivationRanges, OpenOnnx } from './calibrate.ts';
import type { WeightBits } from './names.ts';
import type { OnnxModel } from './onnx-model.ts';
import { quantisableLayers, quantise } from './quantise.ts';
import { writeOnnx } from './write-model.ts';

/** A layer, and what becomes of the logits when it alone is quantised. */
export interface LayerError {
  readonly name: string;
  /** The root of the mean squared difference of a logit from fp32, over the root of the mean squared logit. */
  readonly error: number;
}

export interface LayerErrorOptions {
  /** The runtime. */
  readonly open: OpenOnnx;
  readonly weightBits?: WeightBits | undefined;
  /** Ends it between two layers, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((layers: number, total: number) => void) | undefined;
}

/**
 * Quantises each layer of a model alone and measures how much that changes its logits, the most sensitive first.
 *
 * @param images the model's inputs by name; some of those that it was calibrated with
 */
export async function layerErrors(
  model: OnnxModel,
  ranges: ActivationRanges,
  images: readonly Tensors[],
  { open, weightBits, signal, onProgress }: LayerErrorOptions,
): Promise<LayerError[]> {
  const layers = quantisableLayers(model, ranges);
  const exact = await logitsOf(model, images, open);
  const size = Math.hypot(...exact) || 1;
  const errors: LayerError[] = [];
  for (const name of layers) {
    signal?.throwIfAborted();
    const keep = new Set(layers.filter((other) => other !== name));
    const logits = await logitsOf(quantise(model, ranges, { weightBits, keep }), images, open);
    errors.push({ name, error: Math.hypot(...logits.map((value, i) => value - exact[i]!)) / size });
    onProgress?.(errors.length, layers.length);
  }
  return errors.toSorted((a, b) => b.error - a.error);
}

async function logitsOf(model: OnnxModel, images: readonly Tensors[], open: OpenOnnx): Promise<number[]> {
  const session = await open(writeOnnx(model));
  try {
    const logits: number[] = [];
    for (const image of images) logits.push(...((await session.run(image)).logits!.data as Float32Array));
    return logits;
  } finally {
    await session.release();
  }
}
