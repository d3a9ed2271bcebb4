import {
  crossValidatedProbe,
  type Interval,
  type LabelledFeatures,
  logme,
  nearestNeighbours,
} from '@graft-ml/core/evaluate';
import { input } from '@graft-ml/core/graph';
import { argmax } from '@graft-ml/core/internal/base/largest';
import { sizeOf } from '@graft-ml/core/internal/base/tensor';
import type { Problem } from '@graft-ml/core/internal/image/problem';
import { contentKey } from '@graft-ml/core/internal/image/seen';
import { penultimate } from '@graft-ml/core/internal/models/index';
import { entriesOf } from '@graft-ml/core/internal/weights/registry/lookup';
import { listArchitectures } from '@graft-ml/core/models';
import { type Forward, normalisePixels, Scope } from '@graft-ml/core/nn';
import { countFlops } from '@graft-ml/core/ops';
import type { Runtime } from '@graft-ml/core/runtime';
import type { DatasetImage } from '../data/dataset.ts';
import type { FetchOptions } from '../files/download/fetch-file.ts';
import { isRun } from '../runs/read-run.ts';
import { loadModel } from '../transfer/load-model.ts';
import type { Model } from '../transfer/model.ts';
import type { NamedCandidate } from './model-candidates.ts';
import { type FeatureExtractor, type PooledFeaturesOptions, pooledFeatures } from './pooled-features.ts';

/** How far the ranking is. */
export interface RankProgress {
  readonly stage: 'checking images' | 'extracting features' | 'fitting probes';
  /** The model; null while images are checked. */
  readonly model: string | null;
  readonly done: number;
  readonly total: number;
}

/** The scores of a model on a dataset, and what it costs. */
export interface ModelScores {
  readonly name: string;
  /** Linear probes on its features, in nested cross-validation (`crossValidatedProbe`). */
  readonly probe: {
    readonly accuracy: number;
    /** 95 %. */
    readonly interval: Interval;
    /** Mean cross entropy. */
    readonly loss: number;
    /** The C of each fold. */
    readonly inverseStrengths: readonly number[];
  };
  /** Its nearest neighbours, each image by the others (`nearestNeighbours`). */
  readonly neighbours: { readonly accuracy: number; readonly interval: Interval };
  /** `logme` of all images. */
  readonly logme: number;
  /** The numbers in the parameters of its backbone. */
  readonly parameters: number;
  /** Floating-point operations of its backbone for one image. */
  readonly flops: number;
  /** The features of an image. */
  readonly features: number;
  /** The side of the square that it sees, in pixels. */
  readonly imageSize: number;
  /** The licence of published weights; null where it is not known. */
  readonly licence: string | null;
  /** Seconds for what it has computed of features, and for its scores. */
  readonly seconds: { readonly features: number; readonly scores: number };
  /** Images whose features were in the cache. */
  readonly cached: number;
  /** Notes on its weights, a sentence each. */
  readonly notes: readonly string[];
}

/** What all models are judged by. */
export interface Judge extends Pick<PooledFeaturesOptions, 'pool' | 'cache' | 'signal' | 'onNote'> {
  readonly images: readonly DatasetImage[];
  readonly classes: number;
  readonly imageSize?: number | undefined;
  readonly folds?: number | undefined;
  readonly neighbours?: number | undefined;
  readonly seed: number;
  readonly download?: FetchOptions | undefined;
  readonly runtime: Runtime;
  readonly onProgress?: ((progress: RankProgress) => void) | undefined;
}

/** A model's scores, and what they were found by. */
export interface Judged {
  readonly scores: ModelScores;
  /** Whether the probe of the other folds is right. */
  readonly correct: ReadonlyMap<DatasetImage, boolean>;
  readonly problems: readonly Problem[];
}

/** Computes the features of one model, and scores them. */
export async function scoresOf(candidate: NamedCandidate, judge: Judge): Promise<Judged> {
  const { name } = candidate;
  const { classes, folds, neighbours, seed, signal } = judge;
  const during = (stage: RankProgress['stage']) => (done: number, total: number) =>
    judge.onProgress?.({ stage, model: name, done, total });
  await using model = await openCandidate(candidate, judge);
  const extractor = extractorOf(model, judge.runtime);
  const extracting = performance.now();
  const { images, rows, problems, cached } = await pooledFeatures(extractor, judge.images, {
    ...{ pool: judge.pool, cache: judge.cache, signal, onNote: judge.onNote },
    onProgress: during('extracting features'),
  });
  const scoring = performance.now();
  const labels = images.map(({ label }) => label);
  const features: LabelledFeatures = { rows, labels, contents: images.map(({ sha256 }) => sha256), classes };
  const onProgress = during('fitting probes');
  const probe = await crossValidatedProbe(features, {
    ...(folds !== undefined && { folds }),
    seed,
    signal,
    onProgress,
  });
  const nearest = nearestNeighbours(features, { ...(neighbours !== undefined && { neighbours }) });
  const evidence = logme(rows, labels, classes);
  const { probabilities, ...probeScores } = probe;
  return {
    scores: {
      name,
      probe: probeScores,
      neighbours: { accuracy: nearest.accuracy, interval: nearest.interval },
      logme: evidence,
      ...workOf(extractor),
      imageSize: extractor.preprocessing.crop,
      licence: model.entry?.licence ?? null,
      seconds: { features: (scoring - extracting) / 1000, scores: (performance.now() - scoring) / 1000 },
      cached,
      notes: [...model.notes, ...notesOn(candidate, model, judge.images)],
    },
    correct: new Map(images.map((image, i) => [image, argmax(probabilities[i]!) === labels[i]])),
    problems,
  };
}

/** A model without its head; a run as it is, with the head that it has. */
async function openCandidate({ model, weights }: NamedCandidate, judge: Judge): Promise<Model> {
  const { imageSize, download, signal, cache, runtime } = judge;
  const asItIs = weights === undefined && imageSize === undefined && (await isRun(model));
  if (asItIs) return loadModel(model, { runtime });
  return loadModel(model, {
    ...{ cache, ...download, numClasses: 0, runtime },
    ...(signal && { signal }),
    ...(weights !== undefined && { weights }),
    ...(imageSize !== undefined && { imageSize }),
  });
}

/** From images to the input of the last layer. */
function extractorOf({ network, variables, image }: Model, runtime: Runtime): FeatureExtractor {
  const { architecture, preprocessing, classes } = image!;
  const beforeHead: Forward = (s, x) => penultimate(architecture, s, normalisePixels(x, preprocessing));
  return { forward: classes.length === 0 ? network.forward : beforeHead, variables, preprocessing, runtime };
}

/** What features of one image take. */
function workOf({ forward, preprocessing: { crop } }: FeatureExtractor) {
  const { scope, trace } = Scope.root({ training: false });
  const features = forward(scope, input('pixels', 'u8', [1, 3, crop, crop]));
  const parameters = [...trace.variables.values()].filter(({ kind }) => kind === 'parameter');
  return {
    parameters: parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
    flops: countFlops([features]).total,
    features: features.shape[1]!,
  };
}

function notesOn({ model: name, weights }: NamedCandidate, model: Model, images: readonly DatasetImage[]): string[] {
  const isRandom =
    weights === undefined ? listArchitectures().includes(name) && entriesOf(name).length === 0 : weights === null;
  const fitted = images.filter((image) => model.seen?.fitted.has(contentKey(image))).length;
  return [
    ...(isRandom ? ['Its weights are random numbers.'] : []),
    ...(fitted > 0 ? [`Its weights were fitted to ${fitted} of these images, so that its scores flatter it.`] : []),
  ];
}
