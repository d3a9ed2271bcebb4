import { UserError } from '@graft-ml/core/internal/base/errors';
import { quote } from '@graft-ml/core/internal/base/quote';
import { type Shape, sizeOf, type Tensor } from '@graft-ml/core/internal/base/tensor';
import { byteLength } from '@graft-ml/core/internal/weights/codecs';
import type { PickleValue, StorageRef, TensorRef } from './values.ts';

/** A checkpoint whose pickle is read and whose storages are not yet. */
export interface TorchArchive {
  /** The saved value. */
  readonly root: PickleValue;
  readonly format: 'pytorch-zip' | 'pytorch-legacy';
  /** The size in bytes. */
  readonly size: number;
  /**
   * The bytes of a whole storage, new and aligned. @throws UserError where the file has another number of them than
   * `storage` says
   */
  readonly read: (storage: StorageRef) => Promise<Uint8Array>;
}

/**
 * The memory that tensors may take beyond the file's own size. Tensors that share a storage, or repeat one element
 * through a stride of 0, are written out one by one; four times the file is more than any state dict has in tied
 * weights.
 */
const slackBytes = 64 * 2 ** 20;
const mostExpansion = 4;

/**
 * The tensors that `refs` describe, row-major.
 *
 * Storages are read one after another, so that beyond the result only one of them is in memory. No two tensors share
 * memory.
 *
 * @throws UserError with the tensor's name where it reaches beyond its storage, or is of a type that Graft does not
 * hold
 */
export async function readTensors(
  refs: ReadonlyMap<string, TensorRef>,
  archive: TorchArchive,
): Promise<Record<string, Tensor>> {
  checkTotal(refs, archive.size);
  const read = new Map<string, Tensor>();
  for (const named of byStorage(refs)) {
    const { storage } = named[0]![1];
    const bytes = await archive.read(storage);
    for (const [name, ref] of named) {
      checkStorage(name, ref, storage);
      read.set(name, decode(name, ref, bytes, named.length === 1));
    }
  }
  const tensors: Record<string, Tensor> = Object.create(null);
  for (const name of refs.keys()) tensors[name] = read.get(name)!;
  return tensors;
}

function byStorage(refs: ReadonlyMap<string, TensorRef>): Iterable<[name: string, ref: TensorRef][]> {
  const groups = new Map<string, [string, TensorRef][]>();
  for (const entry of refs) {
    const { key } = entry[1].storage;
    const group = groups.get(key);
    if (group) group.push(entry);
    else groups.set(key, [entry]);
  }
  return groups.values();
}

/** The memory that all tensors will take, known before any of it is taken. */
function checkTotal(refs: ReadonlyMap<string, TensorRef>, fileSize: number): void {
  const most = fileSize * mostExpansion + slackBytes;
  let total = 0;
  for (const [name, { type, shape }] of refs) {
    // Halves become floats, bytes at most 32-bit integers.
    total += byteLength(shape, Math.max(type.width, 4));
    if (total > most) {
      throw new UserError(
        `The tensors take more memory than a file of ${fileSize} bytes can hold: ${quote(name)} has shape [${shape}].`,
      );
    }
  }
}

function checkStorage(name: string, { storage }: TensorRef, first: StorageRef): void {
  if (storage.type !== first.type || storage.total !== first.total) {
    throw new UserError(
      `Storage ${quote(storage.key)} of ${quote(name)} is ${storage.type.name}[${storage.total}] for one tensor and ` +
        `${first.type.name}[${first.total}] for another.`,
    );
  }
}

function decode(name: string, ref: TensorRef, storage: Uint8Array, alone: boolean): Tensor {
  const { type, shape } = ref;
  if (!type.codec) throw new UserError(`${quote(name)} is ${type.name}, which is not read.`);
  const part = partOf(name, ref, storage);
  const whole = alone && part.length === sizeOf(shape) * type.width && isRowMajor(ref);
  try {
    return type.codec.decode(shape, whole ? part : gather(part, ref));
  } catch (cause) {
    if (!(cause instanceof UserError)) throw cause;
    throw new UserError(`${quote(name)}: ${cause.message}.`, { cause });
  }
}

/**
 * The bytes from the tensor's first element to its last. @throws UserError where its storage's part does not have them
 */
function partOf(name: string, ref: TensorRef, bytes: Uint8Array): Uint8Array {
  const { storage, type, offset, shape, strides } = ref;
  const begin = storage.first * storage.type.width + offset * type.width;
  const end = (storage.first + storage.length) * storage.type.width;
  const last = shape.reduce((sum, dimension, axis) => sum + (dimension - 1) * strides[axis]!, 0);
  const needed = shape.includes(0) ? 0 : (last + 1) * type.width;
  if (!(end <= bytes.length && begin + needed <= end && begin % type.width === 0)) {
    throw new UserError(
      `${quote(name)}, ${type.name}[${shape}] with strides [${strides}], takes bytes ${begin} to ` +
        `${begin + needed} of a storage that has ${Math.min(end, bytes.length)}. The file is damaged.`,
    );
  }
  return bytes.subarray(begin, begin + needed);
}

function isRowMajor({ shape, strides }: TensorRef): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis]!;
  }
  return true;
}

/** The elements in row-major order, as new bytes. */
function gather(from: Uint8Array, { type, shape, strides }: TensorRef): Uint8Array {
  const to = new Uint8Array(sizeOf(shape) * type.width);
  if (to.length === 0) return to;
  // Elements are moved as whole numbers of their width, whatever they stand for.
  const [source, target] = [elementsOf(from, type.width), elementsOf(to, type.width)];
  const width = shape.at(-1) ?? 1;
  const step = strides.at(-1) ?? 1;
  const index = new Array<number>(Math.max(shape.length - 1, 0)).fill(0);
  for (let written = 0, row = 0; written < target.length; row = nextRow(index, row, shape, strides)) {
    for (let x = 0; x < width; x++) target[written++] = source[row + x * step]!;
  }
  return to;
}

/** Counts `index` over all axes but the last up by one; `row` is where it pointed, the result where it points now. */
function nextRow(index: number[], row: number, shape: Shape, strides: readonly number[]): number {
  let next = row;
  for (let axis = index.length - 1; axis >= 0; axis--) {
    next += strides[axis]!;
    if (++index[axis]! < shape[axis]!) return next;
    next -= index[axis]! * strides[axis]!;
    index[axis] = 0;
  }
  return next;
}

function elementsOf(bytes: Uint8Array, width: number): Uint8Array | Uint16Array | Uint32Array | BigUint64Array {
  const { buffer, byteOffset } = bytes;
  const length = bytes.length / width;
  if (width === 1) return bytes;
  if (width === 2) return new Uint16Array(buffer, byteOffset, length);
  if (width === 4) return new Uint32Array(buffer, byteOffset, length);
  return new BigUint64Array(buffer, byteOffset, length);
}
