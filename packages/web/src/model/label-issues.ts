import { UserError } from '@graft-ml/core/internal/base/errors';
import { sha256Of } from '@graft-ml/core/internal/base/sha256';
import type { ClassifyOptions } from '@graft-ml/core/internal/evaluate/classifier';
import { findLabelIssues } from '@graft-ml/core/internal/evaluate/label-issues';
import { outOfSample } from '@graft-ml/core/internal/evaluate/out-of-sample';
import type { ImageCollection } from '../data/collection.ts';
import type { Classifier } from './classifier.ts';

/** A label that is probably wrong. */
export interface CollectionLabelIssue {
  /** `<class>/<name>` */
  readonly path: string;
  /** The class that the image is in, and the one that it probably belongs to. */
  readonly given: string;
  readonly likely: string;
  /** The probability of the likely class. */
  readonly confidence: number;
  /** From 0 (wrong) to 1 (right): the probability of the given class. */
  readonly quality: number;
}

/** What `Classifier.labelIssues` does, in a module that is loaded when it is asked for. */
export async function labelIssuesOf(
  classifier: Classifier,
  images: ImageCollection,
  { signal, onProgress, folds, seed }: ClassifyOptions & { readonly folds: number; readonly seed: number },
): Promise<CollectionLabelIssue[]> {
  const names = Object.keys(images).filter((name) => images[name]!.length > 0);
  const all = names.flatMap((name, label) =>
    images[name]!.map((image) => ({ label, image, path: `${name}/${image.name}` })),
  );
  const [rows, used]: [Float32Array[], typeof all] = [[], []];
  let next = 0;
  for await (const { features } of classifier.features(
    all.map(({ image }) => image),
    { signal, onProgress },
  )) {
    const own = all[next++]!;
    if (!features) continue;
    rows.push(features);
    used.push(own);
  }
  if (new Set(used.map(({ label }) => label)).size < 2) {
    throw new UserError('Labels can be checked where two classes have images that can be used.');
  }
  const contents = await Promise.all(
    used.map(async ({ image }) => {
      const content = image instanceof Blob ? image : image.content;
      return sha256Of(new Uint8Array(await content.arrayBuffer()));
    }),
  );
  const labels = used.map(({ label }) => label);
  const features = { rows, labels, contents, classes: names.length };
  const probabilities = await outOfSample(features, { runtime: classifier.runtime, folds, seed, signal });
  return findLabelIssues(labels, probabilities).issues.map(({ index, given, likely, confidence, quality }) => ({
    path: used[index]!.path,
    given: names[given]!,
    likely: names[likely]!,
    confidence,
    quality,
  }));
}
