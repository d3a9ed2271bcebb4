import { UserError } from '@graft-ml/core/internal/base/errors';
import { tensor } from '@graft-ml/core/internal/base/tensor';
import {
  type ExplainMethod,
  interleaved,
  methodFor,
  openExplainer,
  overlay,
} from '@graft-ml/core/internal/explain/index';
import type { Classifier } from '../evaluate/classifier.ts';
import type { SelectedImage } from './selection.ts';
import { imageUri } from './thumbnails.ts';

/** An image and what in it speaks for its answer and, where that is wrong, for its label: data URIs. */
export interface Evidence {
  readonly image: SelectedImage;
  readonly original: string;
  readonly forAnswer: string;
  readonly forLabel: string | null;
}

/** Explanations and how they were made, or why this network has none. */
export type EvidenceOf =
  | {
      readonly examples: readonly Evidence[];
      readonly method: ExplainMethod;
      readonly endpoint: string | null;
      readonly problem?: undefined;
    }
  | { readonly examples: readonly []; readonly problem: string };

/** Images to explain: those that were classified wrongly and rightly, the most telling first. */
export interface ToExplain {
  readonly wrong: readonly SelectedImage[];
  readonly right: readonly SelectedImage[];
}

interface ExplainExamplesOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

const width = 168;
const batchSize = 8;
/** Wrong and right answers that are explained: by Grad-CAM in one pass each, by occlusion in nearly a hundred. */
const most = { gradcam: 6, occlusion: 3 } as const;
/** The covered squares in the shorter side of an image. */
const squares = 5;

/**
 * What in images speaks for the class that was answered, and beside it for the label: by Grad-CAM, or where the network
 * has no map of the image to look at, by occlusion.
 */
export async function explainExamples(
  classifier: Classifier,
  images: ToExplain,
  options: ExplainExamplesOptions,
): Promise<EvidenceOf> {
  try {
    return await explained(classifier, images, options);
  } catch (error) {
    // A network whose output is not one number for each class, for example: that is said in the report.
    if (error instanceof UserError) return { examples: [], problem: error.message };
    throw error;
  }
}

async function explained(
  classifier: Classifier,
  given: ToExplain,
  { signal, onProgress }: ExplainExamplesOptions,
): Promise<EvidenceOf> {
  const { crop } = classifier.preprocessing;
  const method = methodFor(classifier, {}) === 'gradcam' ? 'gradcam' : 'occlusion';
  const images = [...given.wrong.slice(0, most[method]), ...given.right.slice(0, most[method])];
  if (images.length === 0) return { examples: [], method, endpoint: null };
  const wanted = images.flatMap((image) =>
    [...new Set([image.predicted, image.label])].map((target) => ({ image, target })),
  );
  const views = new Map<SelectedImage, Uint8Array>();
  for (const image of images) views.set(image, await classifier.view(image));
  const size = Math.min(batchSize, wanted.length);
  await using explainer = await openExplainer(classifier, {
    ...(method === 'gradcam' ? { method, batchSize: size } : { method, window: Math.ceil(crop / squares), batchSize }),
  });
  const plane = crop * crop;
  const overlays: string[] = [];
  for (let start = 0; start < wanted.length; start += size) {
    signal?.throwIfAborted();
    onProgress?.(start, wanted.length);
    const chunk = wanted.slice(start, start + size);
    const pixels = new Uint8Array(chunk.length * 3 * plane);
    for (const [i, { image }] of chunk.entries()) pixels.set(views.get(image)!, i * 3 * plane);
    const { normalised } = await explainer.attribute(tensor('u8', [chunk.length, 3, crop, crop], pixels), {
      targets: chunk.map(({ target }) => target),
      signal,
    });
    for (const [i, { image }] of chunk.entries()) {
      const map = normalised.data.subarray(i * plane, (i + 1) * plane);
      const laid = overlay({ width: crop, height: crop, data: views.get(image)! }, map);
      overlays.push(await imageUri(laid, width));
    }
  }
  const examples: Evidence[] = [];
  for (const image of images) {
    const original = await imageUri(interleaved({ width: crop, height: crop, data: views.get(image)! }), width);
    const at = (target: number) => overlays[wanted.findIndex((one) => one.image === image && one.target === target)]!;
    const forLabel = image.label === image.predicted ? null : at(image.label);
    examples.push({ image, original, forAnswer: at(image.predicted), forLabel });
  }
  return { examples, method, endpoint: explainer.endpoint };
}
