import { createHash } from 'node:crypto';
import { randomStream } from '@graft-ml/core/internal/base/random';
import {
  type Augmentation,
  augmentedPixels,
  augmentedView,
  type Colour,
} from '@graft-ml/core/internal/image/augment/index';
import type { ImageProblem } from '@graft-ml/core/internal/image/problem';
import {
  type CropPlace,
  centreCrop,
  evaluationView,
  type Framing,
  type View,
} from '@graft-ml/core/internal/image/transform';
import { fileBytes, type ImageFile, readImageFile } from './decode.ts';
import { type Examination, examineImage } from './doctor/examine.ts';
import { isCostlyFormat, mostInThread, type OpenImage, openImage, resizeImage, verifyImage } from './image/open.ts';
import type { ImageFacts } from './image-facts.ts';

/** What is wanted of an image. */
export type ViewRequest = EvaluationRequest | TrainingRequest;

export interface EvaluationRequest {
  readonly kind: 'evaluation';
  readonly preprocessing: Framing;
  /** Several crops, one after the other in the reply. Default: the centre. */
  readonly places?: readonly CropPlace[];
}

/** The image as it is augmented: a function of (seed, epoch, index) alone. */
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

export interface ViewTask extends ImageFile {
  readonly request: ViewRequest;
  readonly size: number;
  /** Whether the file's hash is wanted, too. */
  readonly isHashed?: boolean;
}

export interface Viewed {
  /** Planar u8 (3, size, size), or several of them. */
  readonly pixels: Uint8Array;
  /** In hexadecimal, if it was wanted. */
  readonly sha256?: string;
}

/** A problem travels as data: an Error that crosses threads loses its class and its fields. */
export type Reply<T> = T | { readonly problem: ImageProblem };

/** What can be done with an image: what each task is given, and what it gives. */
export interface ImageTasks {
  readonly check: { readonly task: ImageFile; readonly result: ImageFacts };
  readonly examine: { readonly task: ImageFile; readonly result: Examination };
  readonly view: { readonly task: ViewTask; readonly result: Viewed };
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
    const { evaluation, training } = views;
    const pixels =
      request.kind === 'evaluation' ? await evaluation(image, request, size) : await training(image, request, size);
    return { pixels, ...(sha256 !== undefined && { sha256 }) };
  },
};

/**
 * Does one task. In a `thread`, an image that may take much memory or time is `costly`: a thread cannot be ended while libvips works
 * in it, and its memory cannot be bounded; those of a process `apart` can.
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
  const image = await openImage(bytes, task.path, 'request' in task ? task.request.preprocessing : {});
  if (isThread && image.isCostly) return costly;
  return work[name](image, bytes, task);
}

function factsOf({ width, height }: OpenImage, bytes: Buffer): ImageFacts {
  return { width, height, sha256: hashOf(bytes) };
}

function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

const views = {
  async evaluation(image: OpenImage, request: EvaluationRequest, size: number): Promise<Uint8Array> {
    const { preprocessing, places = [centreCrop] } = request;
    const seen = places.map((place) => evaluationView(image, preprocessing, place));
    const crops = await pixelsOf(image, seen, preprocessing, size);
    if (crops.length === 1) return crops[0]!;
    const pixels = new Uint8Array(crops.length * 3 * size * size);
    for (const [i, crop] of crops.entries()) pixels.set(crop, i * crop.length);
    return pixels;
  },

  async training(image: OpenImage, request: TrainingRequest, size: number): Promise<Uint8Array> {
    const { preprocessing, augmentation, fill, seed, epoch, index } = request;
    const stream = randomStream(seed, 'augment', epoch, index);
    const seen = augmentedView(stream, image, preprocessing, augmentation);
    const [data] = await pixelsOf(image, [seen], preprocessing, size);
    return augmentedPixels(stream, { width: size, height: size, data: data! }, augmentation, fill).data;
  },
};

function pixelsOf(
  image: OpenImage,
  seen: readonly View[],
  { interpolation }: Framing,
  size: number,
): Promise<Uint8Array[]> {
  const target = { width: size, height: size, ...(interpolation && { interpolation }) };
  return resizeImage(
    image,
    seen.map(({ box, mirror }) => ({ box, target: { ...target, mirror } })),
  );
}
