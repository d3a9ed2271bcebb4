import type { TensorFields } from '@graft-ml/core/internal/graph/index';
import { externalTensorField, tensorField } from '@graft-ml/core/internal/graph/onnx-wire';
import type { ConstantsInPlace, Session } from '@graft-ml/core/internal/runtime/backend';
import type { InferenceSession } from 'onnxruntime-common';

/** Bytes from which on a constant is not copied into its model. */
const large = 2 ** 14;

/**
 * The large constants of a model as what ONNX calls external data, each a file of its own, which ORT is given as memory.
 *
 * @param load a session for the model, of so many bytes with its constants
 */
export function constantsInPlace(
  load: (model: Uint8Array, bytes: number, options: InferenceSession.SessionOptions) => Promise<Session>,
): ConstantsInPlace {
  const externalData: { path: string; data: Uint8Array }[] = [];
  const writeTensor = (tensor: TensorFields) => {
    const { bytes } = tensor;
    if (bytes.length < large) return tensorField(tensor);
    const path = String(externalData.length);
    externalData.push({ path, data: bytes });
    return externalTensorField(tensor, path);
  };
  return {
    writeTensor,
    load: (model) => {
      const bytes = externalData.reduce((sum, { data }) => sum + data.length, model.length);
      return load(model, bytes, externalData.length === 0 ? {} : { externalData });
    },
  };
}
