import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { inFile, UserError } from '@graft-ml/core/internal/base/errors';
import { quote } from '@graft-ml/core/internal/base/quote';
import { type ExternalData, externalData, withExternalData } from '@graft-ml/core/internal/graph/index';
import { type RandomAccessFile, withFile } from '../files/random-access.ts';
import { type OpenOptions, readBytes } from '../files/read.ts';

/** The largest model, in bytes: the most that protobuf can hold in one piece. */
const longestModel = 2 ** 31 - 1;
/** Tensors may share their bytes, but a small file may not become a large one by it. */
const mostSharing = 4;
const alwaysAllowed = 2 ** 26;

export interface OnnxBytes {
  /** The whole model in one piece. */
  readonly bytes: Uint8Array;
  /** The digest of the file at the path itself. */
  readonly sha256: string;
}

/**
 * An ONNX file with its external data, if it has some, as one piece: what `openOnnxModel` takes. The data lies in the
 * model's folder or in folders in it, and no link leads out of there.
 *
 * @throws UserError with the path where a file cannot be read, or does not have what the model says
 */
export async function readOnnxFile(path: string, options: OpenOptions = {}): Promise<OnnxBytes> {
  const model = await readBytes(path, { most: longestModel, ...options });
  const sha256 = createHash('sha256').update(model).digest('hex');
  const references = externalData(model);
  if (references.length === 0) return { bytes: model, sha256 };
  const total = references.reduce((sum, { length }) => sum + length, model.length);
  if (total > longestModel) {
    throw new UserError(`${path} has ${total} bytes with its external data, at most ${longestModel} are read.`);
  }
  const contents = await readAll(path, references, total);
  return { bytes: withExternalData(model, contents), sha256 };
}

/** Reads the data in the order of the references. Everything is checked before anything is read. */
async function readAll(path: string, references: readonly ExternalData[], total: number): Promise<Uint8Array[]> {
  const byLocation = new Map<string, { readonly file: string; readonly indices: number[] }>();
  for (const [i, reference] of references.entries()) {
    const known = byLocation.get(reference.location);
    if (known) known.indices.push(i);
    else byLocation.set(reference.location, { file: await placeOf(path, reference), indices: [i] });
  }
  let available = alwaysAllowed;
  for (const { file, indices } of byLocation.values()) {
    const size = await withFile(file, async (opened) => opened.size, { links: 'refuse' });
    available += mostSharing * size;
    for (const i of indices) assertInside(path, references[i]!, size);
  }
  if (total > available) throw new UserError(`${path}: its tensors share their bytes until they are ${total} bytes.`);
  const contents = new Array<Uint8Array>(references.length);
  for (const { file, indices } of byLocation.values()) {
    const read = async (opened: RandomAccessFile) => {
      for (const i of indices) contents[i] = await opened.read(references[i]!.offset, references[i]!.length);
    };
    await inFile(path, () => withFile(file, read, { links: 'refuse' }));
  }
  return contents;
}

function assertInside(path: string, { tensor, location, offset, length }: ExternalData, size: number): void {
  if (offset + length <= size) return;
  throw new UserError(
    `${path}: its tensor ${quote(tensor)} are the bytes ${offset} to ${offset + length} of ${quote(location)}, ` +
      `which has ${size}. That file is not whole, or of another model.`,
  );
}

/**
 * The real path of a file that a model names: in the model's folder, or where that is a link, in the folder it leads
 * to.
 */
async function placeOf(path: string, { tensor, location }: ExternalData): Promise<string> {
  const parts = location.replace(/^\.\//, '').split('/');
  // A backslash separates folders on Windows, a colon names a drive there.
  if (parts.some((part) => part === '' || part === '.' || part === '..' || /[\\:\0]/.test(part))) {
    throw new UserError(
      `${path} says that ${quote(tensor)} lies in ${quote(location)}; it must lie in the model's folder.`,
    );
  }
  const real = await realpath(join(dirname(path), ...parts)).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === 'ENOENT' ? 'there is no such file. Copy it there, too' : cause.message;
    throw new UserError(
      `${path} has its weights in ${quote(location)} beside it, and that cannot be read: ${reason}.`,
      {
        cause,
      },
    );
  });
  const folders = [await realpath(dirname(path)), dirname(await realpath(path))];
  if (folders.some((folder) => real.startsWith(folder.endsWith(sep) ? folder : folder + sep))) return real;
  throw new UserError(
    `${path}: ${quote(location)} is a link out of the model's folder, to ${real}. Copy that file in its place.`,
  );
}
