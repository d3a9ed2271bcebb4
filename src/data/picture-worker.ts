/** What a thread of the picture pool does. Loaded by `picture-pool.ts`, always as the built file. */
import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { Tinypool } from 'tinypool';
import { randomStream } from '../base/random.ts';
import { type Augmentation, augmentedPixels, augmentedView, type Colour } from './augment/index.ts';
import { decodePicture, type PictureFile, readPictureFile } from './decode.ts';
import { type Examination, examinePicture } from './doctor/examine.ts';
import { type PictureFacts, readPicture } from './picture-facts.ts';
import { PictureError, type PictureProblem } from './problem.ts';
import { type RgbImage, resize } from './resize.ts';
import { type ContentKey, contentKey } from './seen.ts';
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

/** Many small views at once, so that what a message costs does not count. */
export interface SquaresTask {
  readonly pictures: readonly PictureFile[];
  readonly request: EvaluationRequest;
  readonly size: number;
}

/** Views as compact as they can be: of a grey picture one plane is kept, because its three are equal. */
export interface Squares {
  /** For each picture: 1, 3, or 0 where it cannot be used. */
  readonly planes: Uint8Array;
  /** (sum of `planes`, size, size) */
  readonly pixels: Uint8Array;
  /** The `ContentKey` of each picture's file; '' where it could not be read. */
  readonly contents: readonly ContentKey[];
  /** What is wrong with the pictures without planes, in their order. */
  readonly problems: readonly PictureProblem[];
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

/** The views of several pictures, one after the other. */
export async function squares({ pictures, request, size }: SquaresTask): Promise<Squares> {
  const area = size * size;
  const pixels = new Uint8Array(3 * area * pictures.length);
  const planes = new Uint8Array(pictures.length);
  const problems: PictureProblem[] = [];
  const contents = new Array<ContentKey>(pictures.length).fill('');
  let used = 0;
  for (const [i, file] of pictures.entries()) {
    const reply = await oneAtATime(async () => {
      const bytes = await readPictureFile(file);
      contents[i] = contentKey({ sha256: createHash('sha256').update(bytes).digest('hex') });
      return evaluationPixels(await decodePicture(bytes, file.path), request, size);
    });
    if ('problem' in reply) {
      problems.push(reply.problem);
      continue;
    }
    planes[i] = isGrey(reply) ? 1 : 3;
    pixels.set(reply.subarray(0, planes[i]! * area), used);
    used += planes[i]! * area;
  }
  return { planes, pixels: pixels.slice(0, used), contents, problems };
}

/** Whether the three planes of a picture are equal. */
function isGrey(pixels: Uint8Array): boolean {
  const area = pixels.length / 3;
  const [red, green, blue] = [0, 1, 2].map((c) => Buffer.from(pixels.buffer, pixels.byteOffset + c * area, area));
  return red!.equals(green!) && red!.equals(blue!);
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
