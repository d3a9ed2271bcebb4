import { fromHalf } from '@graft-ml/core/internal/base/half';
import { type Tensor, type Tensors, tensor } from '@graft-ml/core/internal/base/tensor';
import { toHalf } from '@graft-ml/core/internal/base/to-half';
import { readSealed, writeSealed } from '@graft-ml/core/internal/weights/sealed';

/**
 * The values of a round on their way to the workers and back, as safetensors files. As f32 they travel as they are. As
 * f16 the trained parameters are rounded to half precision on the way to the workers, who begin at those; and what
 * comes back of each is by how much the worker has moved it, in half precision after division by the largest of the
 * tensor. The outer parameters themselves are never rounded, so that roundings do not add up over the rounds.
 */
export interface Transfer {
  readonly isHalf: boolean;
  /** Whether a variable is a parameter. Statistics travel as they are. */
  readonly isParameter: (name: string) => boolean;
}

/** The name of a tensor of halves: bytes (…, 2). */
const halfName = (name: string) => `f16/${name}`;
const scaleName = (name: string) => `scale/${name}`;

/** The outer values. */
export async function writeStart(values: Tensors, transfer: Transfer): Promise<Uint8Array> {
  return writeSealed(
    mapped(values, (name, value) => (isHalved(transfer, name) ? halved(name, value) : { [name]: value })),
    {},
  );
}

/** The values at which the workers begin. */
export async function readStart(bytes: Uint8Array): Promise<Tensors> {
  const { tensors } = await readSealed(bytes);
  return mapped(tensors, (name, value) => {
    const own = nameOfHalf(name);
    return own === null ? { [name]: value } : { [own]: unhalved(value) };
  });
}

/** Where a worker came to. @param start the values that it began at */
export async function writeEnd(
  values: Tensors,
  start: Tensors,
  transfer: Transfer,
  metadata: Readonly<Record<string, string>>,
): Promise<Uint8Array> {
  const tensors = mapped(values, (name, value) => {
    if (!isHalved(transfer, name)) return { [name]: value };
    const from = start[name]!;
    const moved = f32Of(from, (i) => Number(from.data[i]) - Number(value.data[i]));
    const largest = moved.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
    const scale = largest === 0 ? 1 : Math.fround(largest);
    const divided = tensor(
      'f32',
      value.shape,
      moved.map((each) => each / scale),
    );
    return { ...halved(name, divided), [scaleName(name)]: tensor('f32', [], Float32Array.of(scale)) };
  });
  return writeSealed(tensors, metadata);
}

/** Where a worker came to, from the outer values. */
export async function readEnd(
  bytes: Uint8Array,
  outer: Tensors,
): Promise<{ readonly values: Tensors; readonly metadata: Readonly<Record<string, string>> }> {
  const { tensors, metadata } = await readSealed(bytes);
  const values = mapped(tensors, (name, value) => {
    const own = nameOfHalf(name);
    if (own === null) return name.startsWith(scaleName('')) ? {} : { [name]: value };
    const scale = Number(tensors[scaleName(own)]!.data[0]);
    const moved = unhalved(value).data;
    const from = outer[own]!;
    const came = f32Of(from, (i) => Number(from.data[i]) - Number(moved[i]) * scale);
    return { [own]: tensor('f32', from.shape, came) };
  });
  return { values, metadata };
}

function f32Of({ data }: Tensor, valueAt: (i: number) => number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: data.length }, (_, i) => valueAt(i));
}

const isHalved = ({ isHalf, isParameter }: Transfer, name: string) => isHalf && isParameter(name);

function nameOfHalf(name: string): string | null {
  const prefix = halfName('');
  return name.startsWith(prefix) ? name.slice(prefix.length) : null;
}

function halved(name: string, { shape, data, dtype }: Tensor): Tensors {
  if (!(data instanceof Float32Array)) throw new Error(`${name}: ${dtype} does not travel as f16`);
  return { [halfName(name)]: tensor('u8', [...shape, 2], new Uint8Array(toHalf(data).buffer)) };
}

function unhalved({ shape, data }: Tensor): Tensor {
  const bytes = Uint8Array.from(data, Number);
  return tensor('f32', shape.slice(0, -1), fromHalf(new Uint16Array(bytes.buffer)));
}

function mapped(tensors: Tensors, map: (name: string, value: Tensor) => Tensors): Record<string, Tensor> {
  return Object.assign({}, ...Object.entries(tensors).map(([name, value]) => map(name, value)));
}
