import { readFile, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { type PixelImage, rgbOf } from '@graft-ml/core/internal/image/decoder';
import { rowsOf } from '@graft-ml/core/internal/image/evaluation-view';
import { assertFileSize, assertWithinBounds } from '@graft-ml/core/internal/image/file/bounds';
import { contentOf, type ImageInput, nameOfInput } from '@graft-ml/core/internal/image/image-input';
import { ImageError, refuseImage } from '@graft-ml/core/internal/image/problem';
import {
  type ExportedModel,
  type ModelInput,
  modelInput,
  pixelsInput,
} from '@graft-ml/core/internal/predict/exported-model';
import { isCostlyFormat, mostInThread, openImage } from '../data/image/open.ts';
import { startImageProcess } from '../data/image-process.ts';
import type { ImageTasks, TaskName } from '../data/image-tasks.ts';
import { systemReason } from '../files/read.ts';

/** An image as a predictor takes it: the path of a file, or what programs have in memory. */
export type PredictorImage = string | URL | ImageInput;

/** Makes a model's inputs of images. */
export interface PredictorImages {
  /** @throws ImageError (by rejection) where the image cannot be used */
  input(image: PredictorImage): Promise<ModelInput>;
  /** Ends the process that it may have. */
  close(): void;
}

/**
 * Reads and decodes images for a model. Files are read and libvips decodes in threads of Node's pool, so that the event
 * loop goes on; an image that may cost much is decoded in a process of its own, one after the other, which is started
 * when there is one.
 */
export function predictorImages(model: ExportedModel): PredictorImages {
  const { preprocessing } = model;
  const apart = startImageProcess();
  let previous: Promise<unknown> = Promise.resolve();
  const performApart = <N extends TaskName>(name: N, task: ImageTasks[N]['task']): Promise<ImageTasks[N]['result']> => {
    const result = previous.then(async () => {
      const reply = await apart.perform(name, task);
      if ('problem' in reply) throw new ImageError(reply.problem);
      return reply;
    });
    previous = result.catch(() => {});
    return result;
  };

  async function costlyInput(bytes: Uint8Array, path: string): Promise<ModelInput> {
    if (model.input === 'image') {
      const image = await performApart('decode', { path, bytes, reading: preprocessing });
      return modelInput(rowsOf(image), model);
    }
    const request = { kind: 'evaluation', preprocessing } as const;
    const { pixels } = await performApart('view', { path, bytes, request, size: preprocessing.crop });
    return pixelsInput(pixels, model);
  }

  async function fileInput(bytes: Uint8Array, path: string): Promise<ModelInput> {
    if (bytes.length === 0) refuseImage(path, 'empty-file', 'the file has 0 bytes');
    assertFileSize(path, bytes.length);
    if (bytes.length > mostInThread / 4 || isCostlyFormat(bytes)) return costlyInput(bytes, path);
    const image = await openImage(bytes, path, preprocessing);
    return image.isCostly ? costlyInput(bytes, path) : modelInput(image, model);
  }

  return {
    async input(image) {
      if (typeof image === 'string' || image instanceof URL) {
        const path = pathOf(image);
        return fileInput(await contentOfFile(path), path);
      }
      const name = nameOfInput(image) ?? 'image';
      const content = await contentOf(image, name);
      if ('bytes' in content) return fileInput(content.bytes, name);
      assertPixels(content);
      assertWithinBounds(name, content);
      return modelInput(rowsOf(rgbOf(content)), model);
    },
    close: () => apart.end(),
  };
}

/** @throws UserError where a program without types gave something else */
function assertPixels(image: PixelImage): void {
  if (ArrayBuffer.isView(image?.data)) return;
  throw new UserError('predict: expected the path or the content of an image file, a Blob, or decoded pixels.');
}

export function pathOf(file: string | URL): string {
  if (typeof file === 'string') return file;
  if (file.protocol === 'file:') return fileURLToPath(file);
  throw new UserError(`${file} is not the address of a file: fetch it, and give what was fetched.`);
}

/** @throws ImageError (by rejection) where there is no plain file, or one that is too large */
async function contentOfFile(path: string): Promise<Uint8Array> {
  const explain = (error: NodeJS.ErrnoException) =>
    refuseImage(
      path,
      'unreadable',
      error.code === 'ENOENT' ? 'there is no such file' : `the file cannot be read: ${systemReason(error)}`,
    );
  const status = await stat(path).catch(explain);
  if (!status.isFile()) refuseImage(path, 'unreadable', 'this is not a plain file');
  assertFileSize(path, status.size);
  return readFile(path).catch(explain);
}
