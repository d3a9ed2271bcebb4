import { OptionError } from '../base/errors.ts';
import { isImageForm, networkOf, type OnnxForm } from './forms.ts';
import { type ExportSource, networkModel } from './network-model.ts';
import type { OnnxModel } from './onnx-model.ts';
import { withOutputs } from './with-outputs.ts';
import { withPreprocessing } from './with-preprocessing.ts';

export interface FormModelOptions {
  /** Images that the model takes at once. */
  readonly batchSize: number;
  /** Changes the numbers of the network before preprocessing is put before it. */
  convert(network: OnnxModel): Promise<OnnxModel>;
}

/**
 * A trained network as an ONNX model of a form, without metadata.
 * @throws OptionError where a model that resizes images is to take more than one
 */
export async function formModel(
  source: ExportSource,
  form: OnnxForm,
  { batchSize, convert }: FormModelOptions,
): Promise<OnnxModel> {
  const isImage = isImageForm(form);
  if (isImage && batchSize !== 1) {
    const problem = ` ${batchSize}: a model that resizes images takes one at a time, for each has its own size.`;
    throw new OptionError({ option: 'batchSize', expected: '1', received: batchSize, problem });
  }
  const network = networkModel(source, networkOf[form], batchSize);
  const isForHub = form === 'pixelValues' || form === 'rawPixelValues';
  const converted = await convert(isForHub ? withOutputs(network, ['logits']) : network);
  return isImage ? withPreprocessing(converted, source.preprocessing, form) : converted;
}
