import { fail } from './pickle-machine.ts';
import {
  type Callable,
  isDict,
  isKind,
  isTuple,
  kindOf,
  type PickleValue,
  type StorageRef,
  type TensorRef,
  type UnreadableTensor,
} from './values.ts';

/** PyTorch's own limit. */
const mostDimensions = 64;

/**
 * The functions with which PyTorch pickles tensors (torch/_utils.py, torch/_tensor.py); here they only note where the
 * numbers are.
 */
export const rebuildFunctions: Readonly<Record<string, Callable['call']>> = {
  'torch._utils._rebuild_tensor': ([storage, offset, shape, strides]) => tensorRef(storage, offset, shape, strides),
  'torch._utils._rebuild_tensor_v2': ([storage, offset, shape, strides, , , metadata]) =>
    unlessMarked(metadata, tensorRef(storage, offset, shape, strides)),
  'torch._utils._rebuild_tensor_v3': ([storage, offset, shape, strides, , , type, metadata]) =>
    unlessMarked(metadata, tensorRef(storage, offset, shape, strides, type)),
  'torch._utils._rebuild_parameter': ([tensor]) => expectTensor(tensor),
  'torch._utils._rebuild_parameter_with_state': ([tensor]) => expectTensor(tensor),
  'torch.nn.parameter.Parameter': ([tensor]) => expectTensor(tensor),
  'torch.Tensor': ([tensor]) => expectTensor(tensor),
  'torch._tensor.Tensor': ([tensor]) => expectTensor(tensor),
  'torch._tensor._rebuild_from_type_v2': rebuildFromType,
  'torch._utils._rebuild_sparse_tensor': () => unreadable('sparse'),
  'torch._utils._rebuild_qtensor': () => unreadable('quantized'),
  'torch._utils._rebuild_nested_tensor': () => unreadable('nested'),
  'torch._utils._rebuild_meta_tensor_no_storage': () => unreadable('meta tensor, which has no data'),
};

/** A tensor with attributes of its own: (function, class, its arguments, attributes). */
function rebuildFromType([rebuild, type, args]: readonly PickleValue[], spend: (units: number) => void): PickleValue {
  if (!isKind(rebuild, 'callable') || !(rebuild.name in rebuildFunctions) || !isTuple(args)) {
    fail(`a tensor is rebuilt by ${kindOf(rebuild)}`);
  }
  if (rebuild.call === rebuildFromType) fail('a tensor is rebuilt within itself');
  if (!isKind(type, 'callable') || !(type.name in rebuildFunctions)) fail(`a tensor is of ${kindOf(type)}`);
  return rebuild.call(args.items, spend);
}

function unreadable(what: string): UnreadableTensor {
  return { kind: 'unreadable tensor', what };
}

function expectTensor(value: PickleValue | undefined): PickleValue {
  return isKind(value, 'tensor') || isKind(value, 'unreadable tensor')
    ? value
    : fail(`a tensor is made of ${kindOf(value)}`);
}

/** PyTorch's metadata are two marks: that the numbers in the storage are to be negated, or conjugated. */
function unlessMarked(metadata: PickleValue | undefined, tensor: TensorRef): TensorRef | UnreadableTensor {
  const marked = isDict(metadata) ? metadata.size > 0 : metadata !== undefined && metadata !== null;
  return marked ? unreadable('negated or conjugated view') : tensor;
}

function tensorRef(
  storage: PickleValue | undefined,
  offset: PickleValue | undefined,
  shape: PickleValue | undefined,
  strides: PickleValue | undefined,
  as?: PickleValue,
): TensorRef {
  if (!isKind(storage, 'storage')) fail(`a tensor lies in ${kindOf(storage)}`);
  const type = as ?? storage.type;
  if (!isKind(type, 'element type')) fail(`the elements of a tensor are ${kindOf(type)}`);
  const lengths = { shape: whole(shape), strides: whole(strides) };
  if (lengths.shape.length !== lengths.strides.length) {
    fail(`a tensor has ${lengths.shape.length} dimensions and ${lengths.strides.length} strides`);
  }
  return { kind: 'tensor', type, storage, offset: wholeNumber(offset), ...lengths };
}

function whole(values: PickleValue | undefined): number[] {
  const items = isTuple(values) ? values.items : Array.isArray(values) ? values : fail(`a shape is ${kindOf(values)}`);
  if (items.length > mostDimensions) fail(`a tensor has ${items.length} dimensions`);
  return items.map(wholeNumber);
}

function wholeNumber(value: PickleValue | undefined): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    fail(`a size or an offset is ${typeof value === 'number' ? value : kindOf(value)}`);
  }
  return value;
}

/**
 * The storage that a persistent id stands for: ('storage', type, key, device, length) and, in the legacy format, a part
 * of it as (key, first element, length) or None.
 */
export function loadStorage(id: PickleValue): StorageRef {
  const [what, type, key, , length, part] = isTuple(id) ? id.items : [];
  if (what !== 'storage') fail(`it refers to ${typeof what === 'string' ? what : kindOf(id)} outside of itself`);
  if (!isKind(type, 'element type')) fail(`the type of a storage is ${kindOf(type)}`);
  if (typeof key !== 'string') fail(`the key of a storage is ${kindOf(key)}`);
  const total = wholeNumber(length);
  const storage = { kind: 'storage', key, type, total } as const;
  if (part === undefined || part === null) return { ...storage, first: 0, length: total };
  const [, first, partLength] = isTuple(part) ? part.items : [];
  return { ...storage, first: wholeNumber(first), length: wholeNumber(partLength) };
}
