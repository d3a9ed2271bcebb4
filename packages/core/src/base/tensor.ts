/** The element types Graft computes with. `bool` is stored as one byte per element, `i64` as `BigInt64Array`. */
export interface DTypeArrays {
  f32: Float32Array;
  f64: Float64Array;
  i32: Int32Array;
  i64: BigInt64Array;
  u8: Uint8Array;
  bool: Uint8Array;
}

export type DType = keyof DTypeArrays;
export type Shape = readonly number[];

/** The type of a value or a tensor: element type and shape. */
export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** Numbers in row-major order. The symbolic counterpart is `Value` in `graph/`. */
export type Tensor = {
  [D in DType]: { readonly dtype: D; readonly shape: Shape; readonly data: DTypeArrays[D] };
}[DType];

export type TensorOf<D extends DType> = Extract<Tensor, { dtype: D }>;
export type Tensors = Readonly<Record<string, Tensor>>;

export const bytesPerElement: { readonly [D in DType]: number } = { f32: 4, f64: 8, i32: 4, i64: 8, u8: 1, bool: 1 };

/** The number of elements of a shape; 1 for a scalar. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

const allocate: { readonly [D in DType]: (length: number) => DTypeArrays[D] } = {
  f32: (n) => new Float32Array(n),
  f64: (n) => new Float64Array(n),
  i32: (n) => new Int32Array(n),
  i64: (n) => new BigInt64Array(n),
  u8: (n) => new Uint8Array(n),
  bool: (n) => new Uint8Array(n),
};

/** A tensor over `data`. @throws RangeError where the data's length is not the shape's size. */
export function tensor<D extends DType>(dtype: D, shape: Shape, data: DTypeArrays[D]): TensorOf<D> {
  if (data.length !== sizeOf(shape)) {
    throw new RangeError(`tensor: ${data.length} elements do not fill ${formatType({ dtype, shape })}`);
  }
  return { dtype, shape, data } as unknown as TensorOf<D>;
}

/** Whether a value from JavaScript is a type: an element type, and a shape of whole numbers. */
export function isTensorType(value: unknown): value is TensorType {
  if (typeof value !== 'object' || value === null || !('dtype' in value && 'shape' in value)) return false;
  const { dtype, shape } = value;
  const isDType = typeof dtype === 'string' && Object.hasOwn(bytesPerElement, dtype);
  return isDType && Array.isArray(shape) && shape.every((length) => Number.isInteger(length) && length >= 0);
}

/** Whether a value from JavaScript is a tensor: a type, and data that fills it. */
export function isTensor(value: unknown): value is Tensor {
  if (!isTensorType(value) || !('data' in value)) return false;
  const { data } = value;
  return ArrayBuffer.isView(data) && 'length' in data && data.length === sizeOf(value.shape);
}

/** A tensor of zeros. */
export function zeros<D extends DType>(dtype: D, shape: Shape): TensorOf<D> {
  return tensor(dtype, shape, allocate[dtype](sizeOf(shape)));
}

/** @throws TypeError where JavaScript passes something else than a shape and numbers: `f32([1, 2])`, say */
function assertShapeAndValues(name: 'f32' | 'i64', shape: unknown, values: unknown): void {
  const isList = (value: unknown) => typeof value === 'object' && value !== null && 'length' in value;
  if (isList(shape) && isList(values)) return;
  throw new TypeError(
    `${name}: expected a shape and the numbers in row-major order, ${name}([2, 3], [1, 2, 3, 4, 5, 6])`,
  );
}

/** An f32 tensor from plain numbers in row-major order. @throws RangeError where they do not fill the shape */
export function f32(shape: Shape, values: ArrayLike<number>): TensorOf<'f32'> {
  assertShapeAndValues('f32', shape, values);
  return tensor('f32', shape, Float32Array.from(values));
}

/** An i64 tensor from plain integers in row-major order. @throws RangeError where they do not fill the shape */
export function i64(shape: Shape, values: ArrayLike<number>): TensorOf<'i64'> {
  assertShapeAndValues('i64', shape, values);
  return tensor(
    'i64',
    shape,
    BigInt64Array.from({ length: values.length }, (_, i) => BigInt(values[i]!)),
  );
}

/** The elements as plain numbers, in row-major order; integers beyond 2⁵³ are rounded. */
export function numbersOf({ data }: Tensor): number[] {
  return Array.from(data as ArrayLike<number | bigint>, Number);
}

/** `f32[8,64,56,56]`, as every message and every printed graph writes a type. */
export function formatType(type: TensorType): string {
  return `${type.dtype}[${type.shape.join(',')}]`;
}
