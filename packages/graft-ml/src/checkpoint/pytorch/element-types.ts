import { codecs } from '@graft-ml/core/internal/weights/codecs';
import type { ElementType } from './values.ts';

/**
 * PyTorch's name, bytes per element, safetensors' name where Graft can hold the elements, name of the storage class if
 * there is one.
 */
const rows: readonly (readonly [name: string, width: number, codec?: string, storage?: string])[] = [
  ['float32', 4, 'F32', 'FloatStorage'],
  ['float64', 8, 'F64', 'DoubleStorage'],
  ['float16', 2, 'F16', 'HalfStorage'],
  ['bfloat16', 2, 'BF16', 'BFloat16Storage'],
  ['int64', 8, 'I64', 'LongStorage'],
  ['int32', 4, 'I32', 'IntStorage'],
  ['int16', 2, 'I16', 'ShortStorage'],
  ['int8', 1, 'I8', 'CharStorage'],
  ['uint8', 1, 'U8', 'ByteStorage'],
  ['bool', 1, 'BOOL', 'BoolStorage'],
  ['complex32', 4],
  ['complex64', 8, undefined, 'ComplexFloatStorage'],
  ['complex128', 16, undefined, 'ComplexDoubleStorage'],
  ['qint8', 1, undefined, 'QInt8Storage'],
  ['quint8', 1, undefined, 'QUInt8Storage'],
  ['qint32', 4, undefined, 'QInt32Storage'],
  ['quint4x2', 1, undefined, 'QUInt4x2Storage'],
  ['quint2x4', 1, undefined, 'QUInt2x4Storage'],
  ['uint16', 2],
  ['uint32', 4],
  ['uint64', 8],
  ['float8_e4m3fn', 1],
  ['float8_e4m3fnuz', 1],
  ['float8_e5m2', 1],
  ['float8_e5m2fnuz', 1],
  ['float8_e8m0fnu', 1],
];

const elementTypes = rows.map(([name, width, codec, storage]) => {
  const type: ElementType = { kind: 'element type', name, width, codec: codec ? codecs.get(codec) : undefined };
  return { type, storage };
});

/** Element types by dtype: `torch.float32`. */
export const dtypes: ReadonlyMap<string, ElementType> = new Map(
  elementTypes.map(({ type }) => [`torch.${type.name}`, type]),
);

/** Element types by storage class: `torch.FloatStorage`. A storage of the type `UntypedStorage` is counted in bytes. */
export const storageTypes: ReadonlyMap<string, ElementType> = new Map(
  elementTypes.flatMap(({ type, storage }) =>
    storage ? [`torch.${storage}`, `torch.cuda.${storage}`].map((name): [string, ElementType] => [name, type]) : [],
  ),
);
