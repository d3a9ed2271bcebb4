import type { ClassifyOptions } from '@graft-ml/core/internal/evaluate/classifier';
import type { EvaluationOptions } from '@graft-ml/core/internal/evaluate/evaluation';
import type { ExplainOptions } from '@graft-ml/core/internal/explain/explain';
import type { TrainConfigInput } from '@graft-ml/core/internal/recipe/config/index';
import type { MetaConfigInput } from '@graft-ml/core/internal/recipe/meta/index';
import type { EpisodeSets } from '@graft-ml/core/internal/runs/episode-sets';
import type { MetaEvent, MetaReadyEvent } from '@graft-ml/core/internal/runs/meta-training';
import type { Runtime } from '@graft-ml/core/runtime';
import type { ImageCollection } from '../data/collection.ts';
import { type AdaptMetaOptions, adaptMeta, type FeatureStart } from '../meta/adapt.ts';
import type { TestMetaOptions } from '../meta/test.ts';
import type { ResumeMetaOptions, TrainMetaOptions } from '../meta/train.ts';
import type { Classifier, ClassifierInput } from '../model/classifier.ts';
import { type OpenRunOptions, openRun, readRun } from '../model/open-run.ts';
import { keepWeights, keptWeights } from '../model/weights.ts';
import { privateCache } from '../runs/private-cache.ts';
import { listRuns, readRunFiles, removeRun, writeRunFiles } from '../runs/runs.ts';
import { servedRuns } from '../runs/served-runs.ts';
import { createRuntime, type WebRuntimeOptions } from '../runtime/index.ts';
import type { TrainImagesOptions } from '../train/site.ts';
import { type ResumeImagesOptions, resumeTraining, trainImages } from '../train/train-images.ts';

/** A call in a worker: how its caller ends it, and hears of it. */
export interface Call {
  readonly signal: AbortSignal;
  progress(value: unknown): void;
}

/** What cannot be sent to a worker is left out of options. */
type Sent<O> = Omit<
  O,
  | 'signal'
  | 'onPreparation'
  | 'onNote'
  | 'onProgress'
  | 'loggers'
  | 'cache'
  | 'decoder'
  | 'extract'
  | 'runtime'
  | 'openStore'
>;

/** A run of meta-learning is about to begin in a worker: the event there, with what can be sent. */
export type WorkerMetaReadyEvent = Omit<MetaReadyEvent, 'sets' | 'learner'> & {
  readonly sets: Pick<EpisodeSets, 'header' | 'problems' | 'notes'>;
};

/** The events of a run of meta-learning in a worker. */
export type WorkerMetaEvent = Exclude<MetaEvent, MetaReadyEvent> | WorkerMetaReadyEvent;

/** The work that a worker does, a method for each request. */
export class Work {
  #settings: WebRuntimeOptions = {};
  #runtime: Runtime | undefined;
  readonly #open = new Map<number, Classifier>();
  #handles = 0;

  /** Says how the runtime is to be set up. */
  async setUp(_call: Call, settings: WebRuntimeOptions): Promise<void> {
    this.#settings = settings;
  }

  train(
    { signal, progress }: Call,
    images: ImageCollection,
    config: TrainConfigInput,
    options: Sent<TrainImagesOptions>,
  ) {
    return trainImages(images, config, { ...options, ...this.#shared(), signal, onPreparation: progress });
  }

  resume({ signal, progress }: Call, out: string, images: ImageCollection, options: Sent<ResumeImagesOptions>) {
    return resumeTraining(out, images, { ...options, ...this.#shared(), signal, onPreparation: progress });
  }

  adapt(
    { signal, progress }: Call,
    start: string | FeatureStart,
    images: ImageCollection,
    { startsAt, ...options }: Sent<AdaptMetaOptions> & { readonly startsAt?: string | undefined },
  ) {
    const served = startsAt === undefined ? {} : { openStart: servedRuns(startsAt) };
    return adaptMeta(start, images, {
      ...options,
      ...served,
      runtime: this.#settings,
      signal,
      onPreparation: progress,
    });
  }

  async *trainMeta(
    { signal, progress }: Call,
    images: ImageCollection,
    config: MetaConfigInput,
    options: Sent<TrainMetaOptions>,
  ) {
    const { trainMeta } = await import('../meta/train.ts'); // most pages need none
    const own = { ...options, runtime: this.#settings, signal, onPreparation: progress };
    yield* sendable(trainMeta(images, config, own));
  }

  async *resumeMeta(
    { signal, progress }: Call,
    out: string,
    images: ImageCollection,
    options: Sent<ResumeMetaOptions>,
  ) {
    const { resumeMeta } = await import('../meta/train.ts');
    const own = { ...options, runtime: this.#settings, signal, onPreparation: progress };
    yield* sendable(resumeMeta(out, images, own));
  }

  async testMeta({ signal, progress }: Call, path: string, images: ImageCollection, options: Sent<TestMetaOptions>) {
    const { testMeta } = await import('../meta/test.ts');
    const own = { ...options, runtime: this.#settings };
    return testMeta(path, images, { ...own, ...reporting({ signal, progress }) });
  }

  async readMetaRun(_call: Call, path: string) {
    const { readMetaRun } = await import('../meta/train.ts');
    return readMetaRun(path);
  }

  listRuns = (_call: Call, folder?: string) => listRuns(folder);
  readRun = (_call: Call, path: string) => readRun(path);
  readRunFiles = (_call: Call, path: string) => readRunFiles(path);
  writeRunFiles = (_call: Call, path: string, files: ReadonlyMap<string, Uint8Array>) => writeRunFiles(path, files);
  removeRun = (_call: Call, path: string) => removeRun(path);
  keepWeights = (_call: Call, file: Parameters<typeof keepWeights>[0]) => keepWeights(file);
  keptWeights = () => keptWeights();

  /** Opens a run, and returns a number for it. */
  async open(_call: Call, path: string, options: Sent<OpenRunOptions>) {
    const classifier = await openRun(path, { ...options, runtime: this.#runtimeOf() });
    const handle = this.#handles++;
    this.#open.set(handle, classifier);
    const { classes, preprocessing, notes, temperature, seen } = classifier;
    return { handle, classes, preprocessing, notes, temperature, seen };
  }

  classify({ signal }: Call, handle: number, image: ClassifierInput, options: { readonly top?: number }) {
    return this.#classifier(handle).classify(image, { ...options, signal });
  }

  predict({ signal, progress }: Call, handle: number, images: readonly ClassifierInput[]) {
    return this.#classifier(handle).predict(images, reporting({ signal, progress }));
  }

  features({ signal, progress }: Call, handle: number, images: readonly ClassifierInput[]) {
    return this.#classifier(handle).features(images, reporting({ signal, progress }));
  }

  evaluate(
    { signal, progress }: Call,
    handle: number,
    images: ImageCollection,
    options: Omit<EvaluationOptions, 'outputs'>,
  ) {
    return this.#classifier(handle).evaluate(images, { ...options, ...reporting({ signal, progress }) });
  }

  async *explain(
    { signal, progress }: Call,
    handle: number,
    images: readonly ClassifierInput[],
    options: Sent<ExplainOptions>,
  ) {
    const { explain } = await import('@graft-ml/core/internal/explain/explain'); // most pages need none
    yield* explain(this.#classifier(handle), images, { ...options, ...reporting({ signal, progress }) });
  }

  labelIssues({ signal, progress }: Call, handle: number, images: ImageCollection) {
    return this.#classifier(handle).labelIssues(images, reporting({ signal, progress }));
  }

  async toOnnx(_call: Call, handle: number, options: { readonly batchSize?: number }) {
    return this.#classifier(handle).toOnnx(options);
  }

  async close(_call: Call, handle: number): Promise<void> {
    await this.#open.get(handle)?.close();
    this.#open.delete(handle);
  }

  #classifier(handle: number): Classifier {
    const classifier = this.#open.get(handle);
    if (classifier === undefined) throw new Error('The classifier was closed.');
    return classifier;
  }

  #runtimeOf(): Runtime {
    this.#runtime ??= createRuntime(this.#settings);
    return this.#runtime;
  }

  #shared() {
    return { cache: privateCache(), runtime: this.#settings };
  }
}

/** The events without the functions in them. */
async function* sendable(
  events: AsyncGenerator<MetaEvent, void, undefined>,
): AsyncGenerator<WorkerMetaEvent, void, undefined> {
  for await (const event of events) {
    if (event.kind !== 'ready') {
      yield event;
      continue;
    }
    const { sets, learner: _, ...ready } = event;
    const { header, problems, notes } = sets;
    yield { ...ready, sets: { header, problems, notes } };
  }
}

function reporting({ signal, progress }: Call): ClassifyOptions {
  return { signal, onProgress: (done, total) => progress({ done, total }) };
}
