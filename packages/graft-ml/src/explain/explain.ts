import { type ExplainOptions, type Explanation, explain as explainWith } from '@graft-ml/core/internal/explain/index';
import { Classifier, type ClassifierInput } from '../evaluate/classifier.ts';
import type { Model } from '../transfer/model.ts';

/**
 * Says of one image after the other (a path, bytes, a `Blob`, decoded pixels) what in it speaks for a class: the one
 * that is named, or else the likeliest. An image that cannot be used is said in its place.
 *
 * @param model what `openRun`, `openModel` or `loadModel` gives
 * @throws OptionError where the class or an option is wrong; UserError where the network has no classes; the signal's
 * reason
 * @example
 * for await (const one of explain(await openRun('runs/x'), ['photo.jpg'], { method: 'gradcam' })) {
 *   if (!one.problem) console.log(one.explained.name, one.normalised); // f32 (224, 224)
 * }
 */
export async function* explain(
  model: Model | Classifier,
  images: readonly ClassifierInput[],
  options: ExplainOptions = {},
): AsyncGenerator<Explanation, void, undefined> {
  if (model instanceof Classifier) {
    yield* explainWith(model, images, options);
    return;
  }
  await using classifier = new Classifier(model.classifierParts, { runtime: model.runtime });
  yield* explainWith(classifier, images, options);
}
