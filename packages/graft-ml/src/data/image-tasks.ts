import { createHash } from 'node:crypto';
import { ImageError, type ImageProblem } from '@graft-ml/core/internal/image/problem';
import type { RgbImage } from '@graft-ml/core/internal/image/resize';
import type { ImageReading } from '@graft-ml/core/internal/image/transform';
import { type ViewRequest, viewOf } from '@graft-ml/core/internal/image/view';
import { fileBytes, type ImageFacts, type ImageFile, readImageFile } from './decode.ts';
import { type Examination, examineImage } from './doctor/likeness.ts';
import { isCostlyFormat, mostInThread, type OpenImage, openImage, verifyImage, wholeImage } from './image/open.ts';

export interface ViewTask extends ImageFile {
  readonly request: ViewRequest;
  readonly size: number;
  /** Adds the hash of the file. */
  readonly isHashed?: boolean;
  /** Refuses an image of more pixels before any is decoded. Default: the bounds of every image. */
  readonly mostPixels?: number;
}

/** A request for the whole image. */
export interface DecodeTask extends ImageFile {
  readonly reading: ImageReading;
  /** As in `ViewTask`. */
  readonly mostPixels?: number;
}

export interface Viewed {
  /** Planar u8 (3, size, size), or several of them. */
  readonly pixels: Uint8Array;
  /** The digest in hexadecimal, if requested. */
  readonly sha256?: string;
}

/** A problem travels as data: an Error that crosses threads loses its class and its fields. */
export type Reply<T> = T | { readonly problem: ImageProblem };

/** Tasks on an image, each with its input and its result. */
export interface ImageTasks {
  readonly check: { readonly task: ImageFile; readonly result: ImageFacts };
  readonly examine: { readonly task: ImageFile; readonly result: Examination };
  readonly view: { readonly task: ViewTask; readonly result: Viewed };
  readonly decode: { readonly task: DecodeTask; readonly result: RgbImage };
}

export type TaskName = keyof ImageTasks;

/** Stands for a result where the image is not for the thread that was asked. */
export const costly = Symbol('costly');

const work: {
  readonly [N in TaskName]: (
    image: OpenImage,
    bytes: Buffer,
    task: ImageTasks[N]['task'],
  ) => Promise<ImageTasks[N]['result']>;
} = {
  check: async (image, bytes) => {
    const facts = factsOf(image, bytes);
    await verifyImage(image);
    return facts;
  },
  examine: async (image, bytes) => examineImage(image, factsOf(image, bytes)),
  view: async (image, bytes, { request, size, isHashed }) => {
    const sha256 = isHashed ? hashOf(bytes) : undefined;
    const pixels = await viewOf(image, request, size);
    return { pixels, ...(sha256 !== undefined && { sha256 }) };
  },
  decode: async (image) => {
    const { width, height, data } = await wholeImage(image);
    return { width, height, data };
  },
};

/**
 * Does one task. In a `thread`, an image that may take much memory or time is `costly`: a thread cannot be ended while
 * libvips works in it, and its memory cannot be bounded; those of a process `apart` can.
 *
 * @throws ImageError where the image cannot be used
 */
export async function perform<N extends TaskName>(
  name: N,
  task: ImageTasks[N]['task'],
  place: 'thread' | 'apart',
): Promise<ImageTasks[N]['result'] | typeof costly> {
  const isThread = place === 'thread';
  if (isThread && fileBytes(task) > mostInThread / 4) return costly;
  const bytes = await readImageFile(task);
  if (isThread && isCostlyFormat(bytes)) return costly;
  const image = await openImage(bytes, task.path, readingOf(task));
  if ('mostPixels' in task && image.width * image.height > (task.mostPixels ?? Number.POSITIVE_INFINITY)) {
    const message = `${image.width} x ${image.height} pixels, more than ${task.mostPixels}`;
    throw new ImageError({ path: task.path, kind: 'too-large', message });
  }
  if (isThread && image.isCostly) return costly;
  return work[name](image, bytes, task);
}

function readingOf(task: ImageFile | ViewTask | DecodeTask): ImageReading {
  if ('request' in task) return task.request.preprocessing;
  return 'reading' in task ? task.reading : {};
}

function factsOf({ width, height }: OpenImage, bytes: Buffer): ImageFacts {
  return { width, height, sha256: hashOf(bytes) };
}

function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
