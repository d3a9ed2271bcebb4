import { type DType, type Tensor, tensor } from '@graft-ml/core/internal/base/tensor';
import type { OnnxSession } from '@graft-ml/core/internal/export/index';
import { wrapWith } from '@graft-ml/core/internal/runtime/backend';
import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-common';
import { createSession, loadOrt } from '../runtime/index.ts';

/** Opens an ONNX file in plain ONNX Runtime, on the processor. The caller releases it. */
export async function openOnnx(file: Uint8Array, options?: InferenceSession.SessionOptions): Promise<OnnxSession> {
  const session = await createSession(file, options);
  const wrap = wrapWith(loadOrt().Tensor);
  return {
    async run(feeds) {
      const wrapped = Object.entries(feeds).map(([name, value]) => [name, wrap(value)] as const);
      const results = await session.run(Object.fromEntries(wrapped));
      return Object.fromEntries(Object.entries(results).map(([name, value]) => [name, asTensor(name, value)]));
    },
    release: () => session.release(),
  };
}

const dtypes: Readonly<Record<string, DType>> = {
  float32: 'f32',
  float64: 'f64',
  int32: 'i32',
  int64: 'i64',
  uint8: 'u8',
  bool: 'bool',
};

function asTensor(name: string, { type, dims, data }: OrtTensor): Tensor {
  const dtype = dtypes[type];
  if (!dtype) throw new Error(`the output ${name} is ${type}`);
  return tensor(dtype, dims, data as Parameters<typeof tensor<DType>>[2]);
}
