import { OptionError } from '../base/errors.ts';
import { isImageForm, networkOf, type OnnxForm } from './forms.ts';
import type { ExportBatch } from './names.ts';
import { type ExportSource, networkModel } from './network-model.ts';
import type { OnnxModel } from './onnx-model.ts';
import { openBatch } from './open-batch.ts';
import { withOutputs } from './with-outputs.ts';
import { withPreprocessing } from './with-preprocessing.ts';

export interface FormModelOptions {
  readonly batchSize: ExportBatch;
  /** Changes the numbers of the network before preprocessing is put before it. */
  convert(network: OnnxModel): Promise<OnnxModel>;
}

/**
 * A trained network as an ONNX model of a form, without metadata.
 * @throws OptionError where a model that resizes images is to take more than one; UserError where a batch of any size is
 * asked of a network that cannot take one
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
  const modelOf = (size: number) => networkModel(source, networkOf[form], size);
  const network = batchSize === 'any' ? openBatch(modelOf) : modelOf(batchSize);
  const isForHub = form === 'pixelValues' || form === 'rawPixelValues';
  const converted = await convert(isForHub ? withOutputs(network, ['logits']) : network);
  return isImage ? withPreprocessing(converted, source.preprocessing, form) : converted;
}
