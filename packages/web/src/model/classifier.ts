import { encode } from '@graft-ml/core/graph';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { argmax } from '@graft-ml/core/internal/base/largest';
import { version } from '@graft-ml/core/internal/base/version';
import {
  type ClassifierParts,
  type ClassifyOptions,
  type ImageAccess,
  ImageClassifier,
} from '@graft-ml/core/internal/evaluate/classifier';
import type { EvaluationMetrics, EvaluationOptions } from '@graft-ml/core/internal/evaluate/evaluation';
import { type ImageDecoder, rgbOf } from '@graft-ml/core/internal/image/decoder';
import { contentOf } from '@graft-ml/core/internal/image/image-input';
import type { Problem } from '@graft-ml/core/internal/image/problem';
import type { TestTimeAugmentation } from '@graft-ml/core/internal/image/test-time';
import { rowsOf, viewOf } from '@graft-ml/core/internal/image/view';
import { describeCheckpoint } from '@graft-ml/core/internal/weights/checkpoint';
import type { Runtime } from '@graft-ml/core/runtime';
import type { CollectedImage, ImageCollection } from '../data/collection.ts';
import { canvasDecoder } from '../image/canvas-decoder.ts';
import { type PageImage, pixelsOfFrame } from '../image/frame.ts';
import { createRuntime } from '../runtime/index.ts';
import type { CollectionLabelIssue } from './label-issues.ts';

export interface ClassifierOptions {
  /** The runtime that runs the network. It stays its owner's. Default: `createRuntime()`. */
  readonly runtime?: Runtime | undefined;
  /** Decodes the images. Default: the browser, by `canvasDecoder`. */
  readonly decoder?: ImageDecoder | undefined;
  /** The views of each image whose probabilities are averaged. Default `none`: the centre alone. */
  readonly tta?: TestTimeAugmentation | undefined;
}

/** An image as a page's classifier takes it: a file, one of a collection, pixels, or what a canvas can draw. */
export type ClassifierInput = PageImage | CollectedImage;

/** A classifier's answer for a labelled image. */
export interface EvaluatedImage {
  /** `<class>/<name>` */
  readonly path: string;
  /** The position of its class. */
  readonly label: number;
  /** The position of the likeliest class. */
  readonly predicted: number;
  readonly probabilities: Float32Array;
}

/** An evaluation on a collection. */
export interface CollectionEvaluation extends EvaluationMetrics {
  /** Every image that can be used, in the order of classes and names. */
  readonly results: readonly EvaluatedImage[];
  /** The images that cannot be used, and why. */
  readonly problems: readonly Problem[];
}

/**
 * A trained network with everything it needs to look at images: preprocessing and class names. It has sessions until
 * `close`.
 * @example
 * await using classifier = await openRun('runs/x');
 * const { classes: [best] } = await classifier.classify(file);
 */
export class Classifier extends ImageClassifier<ClassifierInput> {
  constructor(
    parts: ClassifierParts,
    { runtime = createRuntime(), decoder = canvasDecoder(), tta }: ClassifierOptions = {},
  ) {
    super(parts, pageAccess(decoder), { runtime, tta });
  }

  /**
   * Evaluates it on labelled images whose classes are among its own. The images that it was made of flatter it: leave
   * them out, as `openCollection(images, { seen: classifier.seen })` does.
   *
   * @throws UserError where a class is none of its own, or no image can be used
   */
  async evaluate(
    images: ImageCollection,
    { signal, onProgress, ...options }: Omit<EvaluationOptions, 'outputs'> & ClassifyOptions = {},
  ): Promise<CollectionEvaluation> {
    const unknown = Object.keys(images).filter((name) => !this.classes.includes(name));
    if (unknown.length > 0) {
      throw new UserError(`${unknown.join(', ')}: no class of the run, which has ${this.classes.join(', ')}.`);
    }
    const { startEvaluation } = await import('@graft-ml/core/internal/evaluate/evaluation'); // most pages need none
    const evaluation = startEvaluation(this.classes, options);
    const results: EvaluatedImage[] = [];
    const problems: Problem[] = [];
    const all = Object.entries(images).flatMap(([name, own]) => own.map((image) => ({ name, image })));
    let next = 0;
    const files = all.map(({ image }) => image);
    for await (const { probabilities, problem } of this.predict(files, { signal, onProgress })) {
      const { name, image } = all[next++]!;
      const path = `${name}/${image.name}`;
      if (problem) {
        problems.push({ ...problem, path });
        continue;
      }
      const label = this.classes.indexOf(name);
      evaluation.add(label, probabilities);
      results.push({ path, label, predicted: argmax(probabilities), probabilities });
    }
    return { ...evaluation.value(), results, problems };
  }

  /**
   * The labels of a collection that are probably wrong, the worst first: confident learning over probabilities of linear
   * probes on this network's features, each of which has not seen the image that it judges (cleanlab's method; 5 folds).
   * A network that was trained on these very labels has learned some of the wrong ones: features of the weights that it
   * began with find more.
   *
   * @throws UserError where there are fewer than two classes with images that can be used
   */
  async labelIssues(
    images: ImageCollection,
    {
      signal,
      onProgress,
      folds = 5,
      seed = 0,
    }: ClassifyOptions & { readonly folds?: number; readonly seed?: number } = {},
  ): Promise<CollectionLabelIssue[]> {
    const { labelIssuesOf } = await import('./label-issues.ts'); // most pages need none
    return labelIssuesOf(this, images, { signal, onProgress, folds, seed });
  }

  /**
   * The classifier as one ONNX file of standard operators: `pixels` u8 (n, 3, crop, crop), resized and cropped but not
   * normalised, to `logits` and `probabilities` f32 (n, classes). Classes and preprocessing are in its metadata:
   * `loadPredictor` opens it. It does not say which images it was trained on.
   */
  toOnnx({ batchSize = 1 }: { readonly batchSize?: number } = {}): Uint8Array {
    const { model, classes, preprocessing, temperature } = this;
    const description = describeCheckpoint(model, classes, preprocessing, null);
    const metadata = { version, ...description, ...(temperature !== 1 && { temperature: String(temperature) }) };
    return encode(this.graph(batchSize), { metadata }).model;
  }
}

function pageAccess(decoder: ImageDecoder): ImageAccess<ClassifierInput> {
  return {
    nameOf: (image) => ('name' in image && typeof image.name === 'string' ? image.name : undefined),
    async view(image, request, name) {
      const given = 'content' in image ? image.content : image;
      const isFile = given instanceof Blob || given instanceof Uint8Array || given instanceof ArrayBuffer;
      const content = isFile ? await contentOf(given, name) : pixelsOfFrame(given);
      const pixels = 'bytes' in content ? await decoder.decode(content, request.preprocessing) : rgbOf(content);
      return viewOf(rowsOf(pixels), request, request.preprocessing.crop);
    },
  };
}
