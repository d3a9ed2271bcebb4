import { UserError } from '@graft-ml/core/internal/base/errors';
import { tensor } from '@graft-ml/core/internal/base/tensor';
import { interleaved, openExplainer, overlay } from '@graft-ml/core/internal/explain/index';
import type { Classifier } from '../predict/classifier.ts';
import type { SelectedImage } from './selection.ts';
import { imageUri } from './thumbnails.ts';

/** An image and what in it speaks for its answer and, where that is wrong, for its label: data URIs. */
export interface Evidence {
  readonly image: SelectedImage;
  readonly original: string;
  readonly forAnswer: string;
  readonly forLabel: string | null;
}

/** Explanations, or why this network has none. */
export type EvidenceOf =
  | { readonly examples: readonly Evidence[]; readonly endpoint: string | null; readonly problem?: undefined }
  | { readonly examples: readonly []; readonly endpoint: null; readonly problem: string };

const width = 168;
const batchSize = 8;

/** Grad-CAM of images: what speaks for the class that was answered, and beside it for the label. */
export async function explainExamples(
  classifier: Classifier,
  images: readonly SelectedImage[],
  signal?: AbortSignal,
): Promise<EvidenceOf> {
  if (images.length === 0) return { examples: [], endpoint: null };
  try {
    return await explained(classifier, images, signal);
  } catch (error) {
    // A network without a map of the image has no Grad-CAM: that is said in the report.
    if (error instanceof UserError) return { examples: [], endpoint: null, problem: error.message };
    throw error;
  }
}

async function explained(classifier: Classifier, images: readonly SelectedImage[], signal: AbortSignal | undefined) {
  const { crop } = classifier.preprocessing;
  const wanted = images.flatMap((image) =>
    [...new Set([image.predicted, image.label])].map((target) => ({ image, target })),
  );
  const views = new Map<SelectedImage, Uint8Array>();
  for (const image of images) views.set(image, await classifier.view(image));
  const size = Math.min(batchSize, wanted.length);
  await using explainer = await openExplainer(classifier, { method: 'gradcam', batchSize: size });
  const plane = crop * crop;
  const overlays: string[] = [];
  for (let start = 0; start < wanted.length; start += size) {
    signal?.throwIfAborted();
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
  return { examples, endpoint: explainer.endpoint };
}
