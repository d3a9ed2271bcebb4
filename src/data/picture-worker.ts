/** What a thread of the picture pool does. Loaded by `picture-pool.ts`, always as the built file. */
import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { Tinypool } from 'tinypool';
import { randomStream } from '../base/random.ts';
import { decodePicture, type PictureFile, readPictureFile } from './decode.ts';
import { PictureError, type PictureProblem } from './problem.ts';
import { type Interpolation, type RgbImage, resize } from './resize.ts';
import { evaluationView, type Framing, type TrainingCrop, trainingView, type View } from './transform.ts';

/** What is known of a picture that was read and decoded once. */
export interface PictureFacts {
  /** Pixels, after the EXIF orientation. */
  readonly width: number;
  readonly height: number;
  /** Of the file, in hexadecimal. */
  readonly sha256: string;
}

/** Which part of a picture is wanted. The training crop is a function of (seed, epoch, index) alone. */
export type ViewRequest =
  | { readonly kind: 'evaluation'; readonly preprocessing: Framing }
  | {
      readonly kind: 'training';
      readonly seed: number;
      readonly epoch: number;
      readonly index: number;
      readonly crop?: TrainingCrop;
      /** Default bilinear. */
      readonly interpolation?: Interpolation;
    };

export interface ViewTask extends PictureFile {
  readonly request: ViewRequest;
  readonly size: number;
}

/** A problem travels as data: an Error that crosses threads loses its class and its fields. */
export type Reply<T> = T | { readonly problem: PictureProblem };

// The pool's threads are the parallelism; libvips adds none of its own, and keeps no pictures.
sharp.concurrency(1);
sharp.cache(false);

export function check(picture: PictureFile): Promise<Reply<PictureFacts>> {
  return oneAtATime(async () => {
    const bytes = await readPictureFile(picture);
    const { width, height } = await decodePicture(bytes, picture.path);
    return { width, height, sha256: createHash('sha256').update(bytes).digest('hex') };
  });
}

/** The view as planar u8 (3, size, size); its memory moves to the asking thread. */
export async function view({ request, size, ...file }: ViewTask): Promise<unknown> {
  const reply = await oneAtATime(async () => {
    const picture = await decodePicture(await readPictureFile(file), file.path);
    const { box, mirror } = viewOf(picture, request);
    const pixels = new Uint8Array(3 * size * size);
    const { interpolation = 'bilinear' } = request.kind === 'evaluation' ? request.preprocessing : request;
    resize(picture, box, { width: size, height: size, mirror, interpolation }, pixels);
    return pixels;
  });
  return reply instanceof Uint8Array ? Tinypool.move(reply) : reply;
}

function viewOf(picture: RgbImage, request: ViewRequest): View {
  if (request.kind === 'evaluation') return evaluationView(picture, request.preprocessing);
  const { seed, epoch, index, crop } = request;
  return trainingView(randomStream(seed, 'augment', epoch, index), picture, crop);
}

let previous: Promise<unknown> = Promise.resolve();

/** Runs `work` when everything before it is done: a thread holds one decoded picture, however many requests wait for it. */
function oneAtATime<T>(work: () => Promise<T>): Promise<Reply<T>> {
  const result = previous.then(work).catch((error: unknown) => {
    if (error instanceof PictureError) return { problem: error.problem };
    throw error;
  });
  previous = result.catch(() => {});
  return result;
}
