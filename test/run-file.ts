import { f32, type Tensor, type Tensors } from '@graft-ml/core/internal/base/tensor';
import { createSession, loadOrt } from 'graft-ml/internal/runtime/index';
import type { Tensor as OrtTensor } from 'onnxruntime-common';

/** The f32 outputs of an ONNX file in plain ORT: the reference for what an imported graph computes. */
export async function runFile(bytes: Uint8Array, feeds: Tensors): Promise<Record<string, Tensor>> {
  const session = await createSession(bytes, { intraOpNumThreads: 1, logSeverityLevel: 4 });
  try {
    const types = { f32: 'float32', f64: 'float64', i32: 'int32', i64: 'int64', u8: 'uint8', bool: 'bool' } as const;
    const wrapped = Object.entries(feeds).map(([name, { dtype, data, shape }]) => [
      name,
      new (loadOrt().Tensor)(types[dtype], data as OrtTensor.DataTypeMap[OrtTensor.Type], shape),
    ]);
    const results = await session.run(Object.fromEntries(wrapped));
    const floats = Object.entries(results).filter(([, value]) => value.type === 'float32');
    return Object.fromEntries(floats.map(([name, value]) => [name, f32(value.dims, value.data as Float32Array)]));
  } finally {
    await session.release();
  }
}
