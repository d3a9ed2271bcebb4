import { UserError } from '@graft-ml/core/internal/base/errors';
import { quote } from '@graft-ml/core/internal/base/quote';
import type { RandomAccessFile } from '../../files/random-access.ts';
import { unpickle } from './pickle.ts';
import type { TorchArchive } from './read-tensors.ts';
import { loadStorage } from './tensor-refs.ts';
import { findGlobal } from './torch-globals.ts';
import { isDict, kindOf, type PickleValue, type StorageRef } from './values.ts';

/** The longest pickle that is read, in bytes. That of a checkpoint with 3,000 parameters has less than a megabyte. */
export const longestPickle = 64 * 2 ** 20;
const magicNumber = 0x1950a86a20f9469cfc6cn;
const expectedProtocol = 1001;

/** The pickled magic number, by which a file is known: PROTO 2, LONG1 of ten bytes. */
export const legacyMagic = Uint8Array.of(0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19);

/**
 * The format of torch.save before PyTorch 1.6, and with `_use_new_zipfile_serialization=False`: the pickles of a magic
 * number, a version, the machine's properties, the object and the list of its storages' keys; then each storage as the
 * number of its elements (int64) and the elements.
 */
export async function openLegacyFormat(file: RandomAccessFile): Promise<TorchArchive> {
  const storages = new Map<string, StorageRef>();
  const load = (id: PickleValue) => {
    const storage = loadStorage(id);
    if (!storages.has(storage.key)) storages.set(storage.key, storage);
    return storage;
  };
  const head = await file.read(0, Math.min(file.size, longestPickle));
  let position = 0;
  const next = () => {
    const { value, length } = unpickle(head.subarray(position), { find: findGlobal, load });
    position += length;
    return value;
  };
  if (next() !== magicNumber) throw new UserError('It is a pickle, but not one that torch.save wrote.');
  const protocol = next();
  if (protocol !== expectedProtocol)
    throw new UserError(`Its version is ${kindOf(protocol)} ${protocol}, expected ${expectedProtocol}.`);
  const machine = next();
  if (!isDict(machine) || machine.get('little_endian') !== true) {
    throw new UserError('It was written on a big-endian machine. Save it again on another.');
  }
  const root = next();
  const keys = next();
  const places = await locate(file, position, keys, storages);
  return { root, format: 'pytorch-legacy', size: file.size, read: (storage) => readStorage(file, places, storage) };
}

interface Place {
  readonly start: number;
  readonly length: number;
}

/** The place of each storage. @throws UserError where they are not exactly what follows `position` in the file */
async function locate(
  file: RandomAccessFile,
  position: number,
  keys: PickleValue,
  storages: ReadonlyMap<string, StorageRef>,
): Promise<Map<string, Place>> {
  const places = new Map<string, Place>();
  let end = position;
  for (const key of Array.isArray(keys) ? keys : []) {
    const storage = typeof key === 'string' && !places.has(key) ? storages.get(key) : undefined;
    if (!storage) throw new UserError('Its list of storages does not fit its tensors. The file is damaged.');
    const start = end + 8;
    const length = storage.total * storage.type.width;
    if (start + length > file.size) {
      throw new UserError(
        `Storage ${quote(storage.key)} lies at bytes ${start} to ${start + length} of ${file.size}. The file is ` +
          'cut short.',
      );
    }
    const header = await file.read(end, 8);
    const elements = new DataView(header.buffer).getBigInt64(0, true);
    if (elements !== BigInt(storage.total)) {
      throw new UserError(
        `Storage ${quote(storage.key)} has ${elements} elements, its tensors expect ${storage.total}.`,
      );
    }
    places.set(storage.key, { start, length });
    end = start + length;
  }
  if (places.size !== storages.size) throw new UserError('Its list of storages is too short. The file is damaged.');
  if (end !== file.size) throw new UserError(`Its storages end at byte ${end} of ${file.size}. The file is damaged.`);
  return places;
}

function readStorage(
  file: RandomAccessFile,
  places: ReadonlyMap<string, Place>,
  storage: StorageRef,
): Promise<Uint8Array> {
  const { start, length } = places.get(storage.key)!;
  const expected = storage.total * storage.type.width;
  if (length !== expected) {
    throw new UserError(
      `Storage ${quote(storage.key)} has ${length} bytes for one tensor and ${expected} for another.`,
    );
  }
  return file.read(start, length);
}
