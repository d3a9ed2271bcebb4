import { randomStream } from '../base/random.ts';
import { type Augmentation, augmentedPixels, augmentedView, describeAugmentation } from './augment/augmentation.ts';
import type { Colour } from './augment/planes.ts';
import { type EvaluationRequest, evaluationViews, type ImageRows, resizeImage, targetOf } from './evaluation-view.ts';
import type { Framing, Size } from './transform.ts';

export { type EvaluationRequest, evaluationViews, type ImageRows, resizeImage, rowsOf } from './evaluation-view.ts';

/** A request for a view of an image. */
export type ViewRequest = EvaluationRequest | TrainingRequest;

/** The image as it is augmented: a function of (seed, epoch, index) alone. */
export interface TrainingRequest {
  readonly kind: 'training';
  readonly preprocessing: Framing;
  readonly augmentation: Augmentation;
  /** The colour of empty and erased pixels: the mean colour of the preprocessing. */
  readonly fill: Colour;
  readonly seed: number;
  readonly epoch: number;
  readonly index: number;
}

/** A model's input from an image: planar u8 (3, size, size), or as many of them as `places` asks for. */
export async function viewOf(image: ImageRows, request: ViewRequest, size: number): Promise<Uint8Array> {
  return request.kind === 'evaluation' ? evaluationViews(image, request, size) : training(image, request, size);
}

async function training(image: ImageRows, request: TrainingRequest, size: number): Promise<Uint8Array> {
  const { preprocessing, augmentation, fill, seed, epoch, index } = request;
  const stream = randomStream(seed, 'augment', epoch, index);
  const { box, mirror } = augmentedView(stream, image, preprocessing, augmentation);
  const [data] = await resizeImage(image, [{ box, target: targetOf(preprocessing, size, mirror) }]);
  return augmentedPixels(stream, { width: size, height: size, data: data! }, augmentation, fill).data;
}

/** What the augmentation of a view does to an image of that size, in a few words each: `crop 62 %`, `mirrored`. */
export function describeTraining(source: Size, request: TrainingRequest): string[] {
  const { preprocessing, augmentation, seed, epoch, index } = request;
  return describeAugmentation(randomStream(seed, 'augment', epoch, index), source, preprocessing, augmentation);
}
