/** What a thread of the picture pool does. Loaded by `picture-pool.ts`, always as the built file. */
import sharp from 'sharp';
import { Tinypool } from 'tinypool';
import { randomStream } from '../base/random.ts';
import { type Augmentation, augmentedPixels, augmentedView, type Colour } from './augment/index.ts';
import { decodePicture, type PictureFile, readPictureFile } from './decode.ts';
import { type Examination, examinePicture } from './doctor/examine.ts';
import { type PictureFacts, readPicture } from './picture-facts.ts';
import { PictureError, type PictureProblem } from './problem.ts';
import { type RgbImage, resize } from './resize.ts';
import { type CropPlace, centreCrop, evaluationView, type Framing, type View } from './transform.ts';

/** What is wanted of a picture. */
export type ViewRequest = EvaluationRequest | TrainingRequest;

export interface EvaluationRequest {
  readonly kind: 'evaluation';
  readonly preprocessing: Framing;
  /** Several crops, one after the other in the reply. Default: the centre. */
  readonly places?: readonly CropPlace[];
}

/** The picture as it is augmented: a function of (seed, epoch, index) alone. */
export interface TrainingRequest {
  readonly kind: 'training';
  readonly preprocessing: Framing;
  readonly augmentation: Augmentation;
  /** What is left empty or erased: the mean colour of the preprocessing. */
  readonly fill: Colour;
  readonly seed: number;
  readonly epoch: number;
  readonly index: number;
}

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
  return oneAtATime(async () => (await readPicture(picture)).facts);
}

/** As `check`, with what the doctor wants to know. */
export function examine(picture: PictureFile): Promise<Reply<Examination>> {
  return oneAtATime(() => examinePicture(picture));
}

/** The view as planar u8 (3, size, size), or several of them; its memory moves to the asking thread. */
export async function view({ request, size, ...file }: ViewTask): Promise<unknown> {
  const reply = await oneAtATime(async () => {
    const picture = await decodePicture(await readPictureFile(file), file.path);
    return request.kind === 'evaluation'
      ? evaluationPixels(picture, request, size)
      : trainingPixels(picture, request, size);
  });
  return reply instanceof Uint8Array ? Tinypool.move(reply) : reply;
}

function evaluationPixels(picture: RgbImage, request: EvaluationRequest, size: number): Uint8Array {
  const { preprocessing, places = [centreCrop] } = request;
  const pixels = new Uint8Array(places.length * 3 * size * size);
  places.forEach((place, i) => {
    const seen = evaluationView(picture, preprocessing, place);
    pixels.set(pixelsOf(picture, seen, preprocessing, size), i * 3 * size * size);
  });
  return pixels;
}

function trainingPixels(picture: RgbImage, request: TrainingRequest, size: number): Uint8Array {
  const { preprocessing, augmentation, fill, seed, epoch, index } = request;
  const stream = randomStream(seed, 'augment', epoch, index);
  const seen = augmentedView(stream, picture, preprocessing, augmentation);
  const data = pixelsOf(picture, seen, preprocessing, size);
  return augmentedPixels(stream, { width: size, height: size, data }, augmentation, fill).data;
}

function pixelsOf(picture: RgbImage, { box, mirror }: View, { interpolation }: Framing, size: number): Uint8Array {
  const pixels = new Uint8Array(3 * size * size);
  resize(picture, box, { width: size, height: size, mirror, ...(interpolation && { interpolation }) }, pixels);
  return pixels;
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
