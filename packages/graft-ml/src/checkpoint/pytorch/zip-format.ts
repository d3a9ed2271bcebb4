import { crc32 } from 'node:zlib';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { quote } from '@graft-ml/core/internal/base/quote';
import type { RandomAccessFile } from '../../files/random-access.ts';
import { longestPickle } from './legacy-format.ts';
import { unpickle } from './pickle.ts';
import type { TorchArchive } from './read-tensors.ts';
import { loadStorage } from './tensor-refs.ts';
import { findGlobal, torchScript } from './torch-globals.ts';
import type { StorageRef } from './values.ts';
import { locateEntry, readZipDirectory, type ZipEntry } from './zip-directory.ts';

/**
 * The format of torch.save since PyTorch 1.6: a ZIP archive of uncompressed entries `<folder>/data.pkl`,
 * `<folder>/data/<key>` for each storage, and `<folder>/byteorder`.
 */
export async function openZipFormat(file: RandomAccessFile): Promise<TorchArchive> {
  const entries = await readZipDirectory(file);
  const folder = folderOf(entries);
  if ([...entries.keys()].some((name) => name.startsWith(`${folder}code/`))) throw torchScript();
  const byteOrder = entries.get(`${folder}byteorder`);
  if (byteOrder && new TextDecoder().decode(await readEntry(file, byteOrder)) !== 'little') {
    throw new UserError('It was written on a big-endian machine. Save it again on another.');
  }
  const pickle = entries.get(`${folder}data.pkl`)!;
  if (pickle.size > longestPickle) {
    throw new UserError(`Its pickle has ${pickle.size} bytes, at most ${longestPickle} are read.`);
  }
  const { value } = unpickle(await readEntry(file, pickle), { find: findGlobal, load: loadStorage });
  const read = (storage: StorageRef) => {
    const entry = entries.get(`${folder}data/${storage.key}`);
    if (!entry) throw new UserError(`Storage ${quote(storage.key)} is not in the archive. The file is damaged.`);
    const expected = storage.total * storage.type.width;
    if (entry.size !== expected) {
      throw new UserError(`Storage ${quote(storage.key)} has ${entry.size} bytes, its tensors expect ${expected}.`);
    }
    return readEntry(file, entry);
  };
  return { root: value, format: 'pytorch-zip', size: file.size, read };
}

/**
 * The folder in which everything lies, with its slash. @throws UserError that says what the archive is instead, if it
 * is known
 */
function folderOf(entries: ReadonlyMap<string, ZipEntry>): string {
  const names = [...entries.keys()];
  const pickles = names.filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickles.length === 1) return pickles[0]!.slice(0, -'data.pkl'.length);
  if (names.some((name) => name.endsWith('.npy'))) {
    throw new UserError(
      'It is a NumPy .npz archive. In Python, save its arrays with safetensors.numpy.save_file instead.',
    );
  }
  if (names.includes('model.weights.h5')) throw new UserError('It is a Keras model, and Keras files are not read.');
  throw new UserError(
    'It is a ZIP archive, but not one that torch.save wrote: it has no data.pkl. If the weights are in it, ' +
      'unpack it first.',
  );
}

/** The bytes of an entry, checked against its checksum where the archive has them. */
async function readEntry(file: RandomAccessFile, entry: ZipEntry): Promise<Uint8Array> {
  const bytes = await file.read(await locateEntry(file, entry), entry.size);
  // PyTorch writes 0 for every entry when it is told not to compute checksums.
  if (entry.crc32 !== 0 && crc32(bytes) !== entry.crc32) {
    throw new UserError(
      `${quote(entry.name)} in the archive is damaged: its checksum is wrong. Download the file again.`,
    );
  }
  return bytes;
}
