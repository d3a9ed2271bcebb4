import type { Tensors } from '../base/tensor.ts';
import { atTemperature } from '../fit/network.ts';
import { constant, encode, input, type Value } from '../graph/index.ts';
import { applyModel, type NamedArchitecture, type Preprocessing } from '../models/index.ts';
import { normalisePixels, Scope, type Variable } from '../nn/index.ts';
import { softmax } from '../ops/index.ts';
import type { NetworkForm } from './forms.ts';
import type { OnnxModel } from './onnx-model.ts';
import { readOnnxModel } from './read-model.ts';

/** A trained network as exports take it; every `ImageClassifier` is one. */
export interface ExportSource {
  readonly model: NamedArchitecture;
  /** Every parameter and buffer by name. */
  readonly variables: Tensors;
  readonly classes: readonly string[];
  readonly preprocessing: Preprocessing;
  /** The temperature that logits are divided by; 1 where it was not calibrated. */
  readonly temperature: number;
}

/**
 * The network as an ONNX model, without metadata: images to `logits` f32 (n, classes), divided by the temperature, and
 * `probabilities` f32 (n, classes), their softmax. Parameters are initializers under their names.
 */
export function networkModel(source: ExportSource, form: NetworkForm, batchSize: number): OnnxModel {
  const { model, variables, classes, preprocessing, temperature } = source;
  const { crop } = preprocessing;
  const variable = ({ name }: Variable) => constant(variables[name]!, name);
  const { scope } = Scope.root({ training: false, variable });
  const shape = [batchSize, 3, crop, crop];
  const images: { readonly [F in NetworkForm]: () => Value } = {
    pixels: () => normalisePixels(input('pixels', 'u8', shape), preprocessing),
    pixelValues: () => input('pixel_values', 'f32', shape),
  };
  const logits = atTemperature(applyModel(model, scope, images[form](), { numClasses: classes.length }), temperature);
  return readOnnxModel(encode({ logits, probabilities: softmax(logits) }).model);
}
