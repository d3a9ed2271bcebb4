import { overlay } from '@graft-ml/core/internal/explain/overlay';
import type { RgbImage } from '@graft-ml/core/internal/image/resize';
import type { WorkerClassifier } from '@graft-ml/web/internal/worker/connect';
import { graft } from '../train/graft.ts';
import { nameOf } from '../train/progress.tsx';
import type { Answerer, Insight } from './answerer.ts';

/** Opens a run of this browser. @throws Error (by rejection) that says why it cannot be opened */
export async function openRunModel(path: string): Promise<Answerer> {
  const classifier = await graft().open(path);
  return {
    name: nameOf(path),
    path,
    classes: classifier.classes,
    seen: classifier.seen,
    predict: async (frame) => [...(await classifier.classify(frame, { top: 1 })).probabilities],
    insight: insightOf(classifier),
    close: () => void classifier.close(),
  };
}

function insightOf(classifier: WorkerClassifier): Insight {
  return {
    async explain(image) {
      for await (const one of classifier.explain([image])) {
        if (one.problem) throw new Error(one.problem.message);
        const shown = pixelsOf(overlay(one.image, one.normalised.data));
        return { name: one.explained.name, method: one.method, overlay: shown };
      }
      throw new Error('There was no answer.');
    },
    async features(images, onProgress) {
      const found: (Float32Array | null)[] = [];
      for await (const one of classifier.features(images)) {
        found.push(one.problem ? null : one.features);
        onProgress(found.length);
      }
      return found;
    },
    labelIssues: (images, onProgress) => classifier.labelIssues(images, { onProgress: ({ done }) => onProgress(done) }),
  };
}

function pixelsOf({ width, height, data }: RgbImage): ImageData {
  const pixels = new ImageData(width, height);
  for (let p = 0; p < width * height; p++)
    pixels.data.set([data[3 * p]!, data[3 * p + 1]!, data[3 * p + 2]!, 255], 4 * p);
  return pixels;
}
