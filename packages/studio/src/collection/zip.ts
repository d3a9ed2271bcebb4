import { UserError } from '@graft-ml/core/internal/base/errors';
import { sizeBounds } from '@graft-ml/core/internal/image/file/bounds';
import { collectionBounds, type ImageClass } from './collection.ts';
import type { FoundFile } from './layout.ts';
import { isImageName } from './names.ts';

/** A file of an archive, unpacked when it is asked for. */
export interface PackedFile extends FoundFile {
  /** @throws UserError (by rejection) where it is damaged, or larger than it says */
  read(): Promise<Blob>;
}

/** Bounds on an archive, which may be hostile: a kilobyte of ZIP can unpack to gigabytes. */
const bounds = { entries: 5 * collectionBounds.images, bytes: 2 * 2 ** 30, imageBytes: sizeBounds.fileBytes } as const;
const gigabyte = 2 ** 30;

/** Loaded with the first archive. Nothing is packed or unpacked in workers, whose scripts would be blobs. */
const loadZip = () => import('@zip.js/zip.js/lib/zip-core-native.js');
const plain = { useWebWorkers: false } as const;

/**
 * Writes classes as a ZIP in image-folder form, `<class>/<image>`, which `graft train` takes. The images are compressed
 * already, and are stored as they are.
 */
export function packCollection(classes: readonly ImageClass[]): Promise<Blob> {
  const entries = classes.flatMap(({ name, images }) => [
    ...(images.length === 0 ? [{ path: `${name}/`, content: null }] : []),
    ...images.map((image) => ({ path: `${name}/${image.name}`, content: image.file })),
  ]);
  return packFiles(entries);
}

/** Writes a ZIP of files as they are; one without content is a folder. */
export async function packFiles(
  entries: readonly { readonly path: string; readonly content: Blob | null }[],
): Promise<Blob> {
  const { BlobReader, BlobWriter, ZipWriter } = await loadZip();
  const writer = new ZipWriter(new BlobWriter('application/zip'), { ...plain, level: 0, extendedTimestamp: false });
  for (const { path, content } of entries) {
    if (content === null) await writer.add(path, undefined, { directory: true });
    else await writer.add(path, new BlobReader(content));
  }
  return writer.close();
}

/**
 * Lists the files of a ZIP. What the archive says of sizes is checked against bounds here, and against what comes out
 * when a file is read.
 *
 * @throws UserError (by rejection) where it is no ZIP, or beyond the bounds
 */
export async function unpackArchive(archive: Blob, name: string): Promise<PackedFile[]> {
  const { BlobReader, ZipReader } = await loadZip();
  const reader = new ZipReader(new BlobReader(archive), { ...plain, checkSignature: true });
  const files: PackedFile[] = [];
  let [entries, bytes] = [0, 0];
  try {
    for await (const entry of reader.getEntriesGenerator()) {
      if (++entries > bounds.entries) throw new UserError(`${name} has more than ${bounds.entries} entries.`);
      if (entry.directory) continue;
      const path = entry.filename;
      if (entry.encrypted) throw new UserError(`${name} is encrypted. Pack it without a password.`);
      if (isImageName(path)) bytes += entry.uncompressedSize;
      if (bytes > bounds.bytes) throw new UserError(`${name} unpacks to more than ${bounds.bytes / gigabyte} GB.`);
      const most = Math.min(entry.uncompressedSize, bounds.imageBytes);
      files.push({
        path,
        async read() {
          const { stream, result } = boundedSink(most);
          try {
            await entry.getData(stream);
          } catch (error) {
            throw new UserError(`it cannot be unpacked (${reasonOf(error)})`, { cause: error });
          }
          return new Blob(result());
        },
      });
    }
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${name} cannot be opened as a ZIP (${reasonOf(error)}).`, { cause: error });
  }
  return files;
}

/** Takes at most so many bytes. */
function boundedSink(most: number): {
  stream: WritableStream<Uint8Array<ArrayBuffer>>;
  result(): Uint8Array<ArrayBuffer>[];
} {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  const stream = new WritableStream<Uint8Array<ArrayBuffer>>({
    write(chunk) {
      bytes += chunk.length;
      if (bytes > most) throw new Error(`it is larger than ${most} bytes`);
      chunks.push(chunk);
    },
  });
  return { stream, result: () => chunks };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message.replace(/\.$/, '').toLowerCase() : String(error);
}
