import { choiceProblem } from '../base/choice.ts';
import { OptionError, UserError } from '../base/errors.ts';
import { argmax } from '../base/largest.ts';
import { type TensorOf, tensor, zeros } from '../base/tensor.ts';
import type { ImageClassifier, RankedClass } from '../evaluate/index.ts';
import { rowsFrom, setRow } from '../fit/source.ts';
import { ImageError, type ImageProblem, type Planes } from '../image/index.ts';
import type { Attribution, Explainer } from './attribution.ts';
import { openGradCam } from './grad-cam.ts';
import { openIntegratedGradients } from './integrated-gradients.ts';
import { type ExplainMethod, explainMethods } from './methods.ts';
import { openOcclusion } from './occlusion.ts';
import { findLastSpatial } from './spatial.ts';
import { type ExplainedNetwork, explainedGraph, imageShape, usualBatch } from './subject.ts';

export interface ExplainOptions {
  /** Default `gradcam`, or where nothing in the network is a map of the image, `occlusion`. */
  readonly method?: ExplainMethod | undefined;
  /** The class to explain, by its name. Default: the likeliest one of each image. */
  readonly class?: string | undefined;
  /** For `gradcam`: the endpoint whose activations are looked at. Default: the last one that is a map of the image. */
  readonly endpoint?: string | undefined;
  /** For `integrated-gradients`: the points between baseline and image. Default 50. */
  readonly steps?: number | undefined;
  /** For `occlusion`: the side of the square that is covered, in pixels. Default: a seventh of the image's. */
  readonly window?: number | undefined;
  /** For `occlusion`: from one square to the next, in pixels. Default: half a window. */
  readonly stride?: number | undefined;
  /** For `integrated-gradients` and `occlusion`: the colour of nothing, 0 to 255. Default: the preprocessing's mean. */
  readonly baseline?: readonly number[] | undefined;
  /** Images, or variants of them, that are computed at once. Default 8. */
  readonly batchSize?: number | undefined;
  /** Ends it between two batches, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Hears of the passes of single images through the network: one an image for `gradcam`, more for the others. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** What in one image speaks for a class. */
export interface ExplainedImage {
  readonly path: string;
  /** The image as the network sees it: planar u8 (3, crop, crop). */
  readonly image: Planes;
  /** The class that is explained. */
  readonly explained: RankedClass;
  /** The likeliest class. */
  readonly predicted: RankedClass;
  /** f32 (crop, crop) in the method's own unit; below 0 is what speaks against the class. */
  readonly raw: TensorOf<'f32'>;
  /** f32 (crop, crop) in [-1, 1]. All 0 where nothing speaks for or against the class. */
  readonly normalised: TensorOf<'f32'>;
  readonly method: ExplainMethod;
  /** The endpoint whose activations were looked at; null for methods that look at pixels. */
  readonly endpoint: string | null;
  readonly problem?: undefined;
}

/** An explanation, or why the image cannot be used. */
export type Explanation = ExplainedImage | { readonly path: string; readonly problem: ImageProblem };

/** Compiles a method for a network. @throws OptionError where an option does not fit it */
export function openExplainer(subject: ExplainedNetwork, options: ExplainOptions = {}): Promise<Explainer> {
  const method = methodFor(subject, options);
  const others = optionsOf[method];
  for (const key of ['endpoint', 'steps', 'window', 'stride', 'baseline'] as const) {
    if (options[key] === undefined || others.includes(key)) continue;
    const methods = explainMethods.filter((name) => optionsOf[name].includes(key));
    const problem = `: ${method} has no such option; it is for ${methods.join(' and ')}.`;
    throw new OptionError({ option: key, expected: `none for ${method}`, received: options[key], problem });
  }
  return openers[method](subject, options);
}

/**
 * The method that is asked for, or else the usual one: Grad-CAM, or where nothing in the network is a map of the image,
 * so that Grad-CAM has nothing to look at, occlusion.
 */
export function methodFor(
  subject: ExplainedNetwork,
  { method, endpoint }: Pick<ExplainOptions, 'method' | 'endpoint'>,
): ExplainMethod {
  if (method !== undefined) return method;
  if (endpoint !== undefined) return 'gradcam';
  const { outputs, endpoints } = explainedGraph(subject, 1);
  return findLastSpatial(endpoints, outputs, imageShape(subject)) ? 'gradcam' : 'occlusion';
}

/** The options that only some methods have. */
const optionsOf: Readonly<Record<ExplainMethod, readonly (keyof ExplainOptions)[]>> = {
  gradcam: ['endpoint'],
  'integrated-gradients': ['steps', 'baseline'],
  occlusion: ['window', 'stride', 'baseline'],
};

type Open = (subject: ExplainedNetwork, options: ExplainOptions) => Promise<Explainer>;

const openers: Readonly<Record<ExplainMethod, Open>> = {
  gradcam: openGradCam,
  'integrated-gradients': openIntegratedGradients,
  occlusion: openOcclusion,
};

/**
 * Says of one image after the other what in it speaks for a class: the one that is named, or else the likeliest. An
 * image that cannot be used is said in its place.
 *
 * @throws OptionError where the class or an option is wrong; UserError where the network has no head; the signal's reason
 * @example
 * for await (const one of explain(classifier, files, { method: 'gradcam' })) {
 *   if (!one.problem) show(overlay(one.image, one.normalised.data));
 * }
 */
export async function* explain<I>(
  classifier: ImageClassifier<I>,
  images: readonly I[],
  options: ExplainOptions = {},
): AsyncGenerator<Explanation, void, undefined> {
  const { classes } = classifier;
  if (classes.length === 0) throw new UserError('explain: this network has no head: it gives features, not classes.');
  if (images.length === 0) return;
  const target = options.class === undefined ? null : classNamed(options.class, classes);
  const batchSize = options.batchSize ?? usualBatch;
  const atOnce = Math.min(batchSize, images.length);
  // The variants of a single image make batches of their own.
  const method = methodFor(classifier, options);
  const size = method === 'gradcam' ? atOnce : batchSize;
  await using explainer = await openExplainer(classifier, { ...options, method, batchSize: size });
  const total = images.length * explainer.passes;
  let ahead = viewsOf(classifier, images, 0, atOnce);
  for (let start = 0; start < images.length; start += atOnce) {
    options.signal?.throwIfAborted();
    const views = await ahead;
    ahead = viewsOf(classifier, images, start + atOnce, atOnce);
    ahead.catch(() => {}); // a failure is said when its turn comes, and by nobody after an early return
    const usable = views.flatMap(({ pixels }) => (pixels ? [pixels] : []));
    const done = (start + views.length - usable.length) * explainer.passes;
    const attribution =
      usable.length === 0
        ? null
        : await explainer.attribute(stacked(usable, classifier.preprocessing.crop), {
            targets: target === null ? undefined : usable.map(() => target),
            signal: options.signal,
            onProgress: (passes) => options.onProgress?.(done + passes, total),
          });
    let row = 0;
    for (const { path, pixels, problem } of views) {
      if (!pixels) yield { path, problem };
      else yield described({ path, pixels, row: row++, method, explainer, classes }, attribution!);
    }
    options.onProgress?.((start + views.length) * explainer.passes, total);
  }
}

function classNamed(name: string, classes: readonly string[]): number {
  const target = classes.indexOf(name);
  if (target >= 0) return target;
  const [few, many] = [choiceProblem(name, classes), choiceProblem(name, classes).replace(/ Expected one of.*$/s, '')];
  throw new OptionError({
    option: 'class',
    expected: 'a class of the network',
    received: name,
    problem: classes.length > 30 ? `${many} The network knows ${classes.length} classes.` : few,
  });
}

/** One image as the network sees it, or why it cannot be used. */
type ViewedImage =
  | { readonly path: string; readonly pixels: Uint8Array; readonly problem?: undefined }
  | { readonly path: string; readonly pixels?: undefined; readonly problem: ImageProblem };

function viewsOf<I>(
  classifier: ImageClassifier<I>,
  images: readonly I[],
  start: number,
  count: number,
): Promise<ViewedImage[]> {
  const views = images.slice(start, start + count).map(async (image, i): Promise<ViewedImage> => {
    const path = classifier.nameOf(image) ?? `image ${start + i + 1}`;
    try {
      return { path, pixels: await classifier.view(image, path) };
    } catch (error) {
      if (error instanceof ImageError) return { path, problem: error.problem };
      throw error;
    }
  });
  return Promise.all(views);
}

function stacked(views: readonly Uint8Array[], crop: number): TensorOf<'u8'> {
  const batch = zeros('u8', [views.length, 3, crop, crop]);
  for (const [i, view] of views.entries()) setRow(batch, i, view);
  return batch;
}

interface Place {
  readonly path: string;
  readonly pixels: Uint8Array;
  readonly row: number;
  readonly method: ExplainMethod;
  readonly explainer: Explainer;
  readonly classes: readonly string[];
}

function described(
  { path, pixels, row, method, explainer, classes }: Place,
  { raw, normalised, targets, outputs }: Attribution,
): ExplainedImage {
  const [, height, width] = raw.shape as [number, number, number];
  const count = classes.length;
  const probabilities = softmaxOf(outputs.data.subarray(row * count, (row + 1) * count));
  const named = (index: number) => ({ name: classes[index]!, probability: probabilities[index]! });
  const mapOf = (maps: TensorOf<'f32'>) =>
    tensor('f32', [height, width], (rowsFrom(maps, row, 1) as TensorOf<'f32'>).data.slice());
  return {
    path,
    image: { width, height, data: pixels },
    explained: named(targets[row]!),
    predicted: named(argmax(probabilities)),
    raw: mapOf(raw),
    normalised: mapOf(normalised),
    method,
    endpoint: explainer.endpoint,
  };
}

/** exp(x) over its sum, without overflow. */
function softmaxOf(logits: Float32Array): Float64Array {
  const largest = logits.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  const powers = Float64Array.from(logits, (value) => Math.exp(value - largest));
  const sum = powers.reduce((total, value) => total + value, 0);
  return powers.map((value) => value / sum);
}
