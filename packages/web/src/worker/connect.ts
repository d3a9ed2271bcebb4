/// <reference lib="esnext.disposable" preserve="true" />

import type { Classification, FeatureVector, Prediction } from '@graft-ml/core/internal/evaluate/classifier';
import type { EvaluationOptions } from '@graft-ml/core/internal/evaluate/evaluation';
import type { ExplainOptions, Explanation } from '@graft-ml/core/internal/explain/explain';
import type { Seen } from '@graft-ml/core/internal/image/seen';
import type { TrainConfigInput } from '@graft-ml/core/internal/recipe/config/index';
import type { MetaConfigInput } from '@graft-ml/core/internal/recipe/meta/index';
import type { MetaRun } from '@graft-ml/core/internal/runs/meta-run';
import type { MetaTest } from '@graft-ml/core/internal/runs/meta-test';
import type { Preparation } from '@graft-ml/core/internal/runs/prepared';
import type { RunEvent } from '@graft-ml/core/internal/runs/run-events';
import type { Run } from '@graft-ml/core/internal/runs/run-file';
import type { Preprocessing } from '@graft-ml/core/models';
import type { CollectedImage, ImageCollection } from '../data/collection.ts';
import type { Adapted, AdaptMetaOptions, FeatureStart } from '../meta/adapt.ts';
import type { TestMetaOptions } from '../meta/test.ts';
import type { ResumeMetaOptions, TrainMetaOptions } from '../meta/train.ts';
import type { ClassifierInput, CollectionEvaluation } from '../model/classifier.ts';
import type { CollectionLabelIssue } from '../model/label-issues.ts';
import type { OpenRunOptions } from '../model/open-run.ts';
import type { WebRuntimeOptions } from '../runtime/index.ts';
import type { PageDataset, TrainImagesOptions } from '../train/site.ts';
import type { ResumeImagesOptions } from '../train/train-images.ts';
import { type Reply, type Request, receivedError, sentError } from './messages.ts';
import type { Call, Work, WorkerMetaEvent } from './work.ts';

/** Options of a call: how it is ended, and heard of. */
export interface CallOptions<P = { readonly done: number; readonly total: number }> {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: P) => void) | undefined;
}

/** The methods of the work that a worker does. */
type Methods = { [K in keyof Work as Work[K] extends (call: Call, ...args: never[]) => unknown ? K : never]: Work[K] };
type ArgsOf<K extends keyof Methods> = Methods[K] extends (call: Call, ...args: infer A) => unknown ? A : never;
type ResultOf<K extends keyof Methods> = Methods[K] extends (call: Call, ...args: never[]) => infer R
  ? Awaited<R>
  : never;
type ItemOf<K extends keyof Methods> = ResultOf<K> extends AsyncGenerator<infer T> ? T : never;

/** Options of a run that a worker trains. */
export interface WorkerTrainOptions
  extends Pick<TrainImagesOptions, 'out' | 'overwrite' | 'choices' | 'weightsSha256'>,
    CallOptions<Preparation> {}

/** Options of a run that a worker goes on with. */
export interface WorkerResumeOptions
  extends Pick<ResumeImagesOptions, 'weights' | 'from' | 'epochs'>,
    CallOptions<Preparation> {}

/** Options of a run of meta-learning that a worker trains. */
export interface WorkerTrainMetaOptions
  extends Pick<TrainMetaOptions, 'out' | 'overwrite' | 'choices'>,
    CallOptions<Preparation> {}

/** Options of a run of meta-learning that a worker goes on with. */
export interface WorkerResumeMetaOptions
  extends Pick<ResumeMetaOptions, 'weights' | 'from'>,
    CallOptions<Preparation> {}

/** Options of testing a run of meta-learning in a worker. */
export interface WorkerTestMetaOptions
  extends Pick<
      TestMetaOptions,
      'checkpoint' | 'episodes' | 'way' | 'shots' | 'queries' | 'steps' | 'side' | 'split' | 'seed'
    >,
    CallOptions {}

/** Options of adapting a start in a worker. */
export interface WorkerAdaptOptions
  extends Pick<AdaptMetaOptions, 'out' | 'overwrite' | 'shots' | 'steps'>,
    CallOptions<Preparation> {
  /** The address of the folder that holds the start, where a server has it: `./starts/`. */
  readonly startsAt?: string | undefined;
}

/** Options of a run that a worker opens. */
export type WorkerOpenOptions = Pick<OpenRunOptions, 'checkpoint' | 'calibrated' | 'tta'>;

/** What hears from one call. */
interface Waiting {
  take(reply: Reply): void;
  fail(error: Error): void;
}

/**
 * The other end of a worker that serves Graft: what a page asks is done there, so that it never blocks. Arguments and
 * results are those of the functions of the same names, and errors arrive as they were thrown.
 *
 * @example
 * const worker = new Worker(new URL('./graft-worker.ts', import.meta.url), { type: 'module' });
 * const graft = connectGraft(worker);
 * for await (const event of graft.train({ cat, dog }, { model: 'squeezenet1_1', weights }, { out: 'runs/pets' })) {
 *   if (event.kind === 'evaluation') show(event.accuracy);
 * }
 * await using classifier = await graft.open('runs/pets');
 */
export function connectGraft(worker: Worker, settings: Omit<WebRuntimeOptions, 'onTuning' | 'session'> = {}): Graft {
  return new Graft(worker, settings);
}

export class Graft implements Disposable {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;

  constructor(worker: Worker, settings: Omit<WebRuntimeOptions, 'onTuning' | 'session'>) {
    this.#worker = worker;
    worker.addEventListener('message', ({ data }: MessageEvent<Reply>) => this.#waiting.get(data.id)?.take(data));
    worker.addEventListener('error', (event) => {
      const failure = new Error(`The worker stopped: ${event.message || 'its script cannot be loaded'}.`);
      for (const waiting of this.#waiting.values()) waiting.fail(failure);
      this.#waiting.clear();
    });
    void this.#ask('setUp', [settings]).catch(() => {});
  }

  /** `trainImages` in the worker. A signal ends it after the step under way, with the state saved. */
  train(
    images: ImageCollection,
    config: TrainConfigInput,
    { signal, onProgress, ...options }: WorkerTrainOptions,
  ): AsyncGenerator<RunEvent<PageDataset>, void, undefined> {
    return this.#stream('train', [images, config, options], { signal, onProgress });
  }

  /** `resumeTraining` in the worker. */
  resume(
    out: string,
    images: ImageCollection,
    { signal, onProgress, ...options }: WorkerResumeOptions = {},
  ): AsyncGenerator<RunEvent<PageDataset>, void, undefined> {
    return this.#stream('resume', [out, images, options], { signal, onProgress });
  }

  /** `trainMeta` in the worker. A signal ends it after the step under way, with the state saved. */
  trainMeta(
    images: ImageCollection,
    config: MetaConfigInput,
    { signal, onProgress, ...options }: WorkerTrainMetaOptions,
  ): AsyncGenerator<WorkerMetaEvent, void, undefined> {
    return this.#stream('trainMeta', [images, config, options], { signal, onProgress });
  }

  /** `resumeMeta` in the worker. */
  resumeMeta(
    out: string,
    images: ImageCollection,
    { signal, onProgress, ...options }: WorkerResumeMetaOptions = {},
  ): AsyncGenerator<WorkerMetaEvent, void, undefined> {
    return this.#stream('resumeMeta', [out, images, options], { signal, onProgress });
  }

  /** `testMeta` in the worker: a run of meta-learning on tasks that it has not seen. */
  testMeta(
    run: string,
    images: ImageCollection,
    { signal, onProgress, ...options }: WorkerTestMetaOptions = {},
  ): Promise<MetaTest> {
    return this.#ask('testMeta', [run, images, options], { signal, onProgress });
  }

  /** `adaptMeta` in the worker. */
  adapt(
    start: string | FeatureStart,
    images: ImageCollection,
    { signal, onProgress, startsAt, ...options }: WorkerAdaptOptions,
  ): Promise<Adapted> {
    // The worker's own address is another one.
    const base = startsAt === undefined ? undefined : new URL(startsAt, globalThis.location.href).href;
    return this.#ask('adapt', [start, images, { ...options, startsAt: base }], { signal, onProgress });
  }

  /** A run as a classifier in the worker. It has sessions there until `close`. */
  async open(path: string, options: WorkerOpenOptions = {}): Promise<WorkerClassifier> {
    const facts = await this.#ask('open', [path, options]);
    return workerClassifier(facts, {
      ask: (method, args, call) => this.#ask(method, args, call),
      stream: (method, args, call) => this.#stream(method, args, call),
    });
  }

  /** The paths of the runs in a folder. Default: `runs`. */
  listRuns(folder?: string): Promise<string[]> {
    return this.#ask('listRuns', [folder]);
  }

  /** The `run.json` of a run. */
  readRun(path: string): Promise<Run> {
    return this.#ask('readRun', [path]);
  }

  /** The `run.json` of a run of meta-learning. */
  readMetaRun(path: string): Promise<MetaRun> {
    return this.#ask('readMetaRun', [path]);
  }

  /** The files of a run, by name. */
  readRunFiles(path: string): Promise<Map<string, Uint8Array>> {
    return this.#ask('readRunFiles', [path]);
  }

  /** Keeps the files of a run that was made elsewhere. */
  writeRunFiles(path: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
    return this.#ask('writeRunFiles', [path, files]);
  }

  /** Removes a run with all that is in it. */
  removeRun(path: string): Promise<void> {
    return this.#ask('removeRun', [path]);
  }

  /** Keeps a file of weights for this page. Returns its name for the option `weights`. */
  keepWeights(file: CollectedImage): Promise<string> {
    return this.#ask('keepWeights', [file]);
  }

  /** The names of the files of weights that are kept. */
  keptWeights(): Promise<string[]> {
    return this.#ask('keptWeights', []);
  }

  /** Ends the worker, and with it whatever it does; calls under way reject. A run that it trains can be resumed. */
  close(): void {
    this.#worker.terminate();
    for (const waiting of this.#waiting.values()) waiting.fail(new Error('The worker was closed.'));
    this.#waiting.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #ask<K extends keyof Methods, P>(method: K, args: ArgsOf<K>, call: CallOptions<P> = {}): Promise<ResultOf<K>> {
    for await (const value of this.#send(method, args, call as CallOptions<never>)) return value as ResultOf<K>;
    throw new Error(`${method}: no answer`);
  }

  #stream<K extends keyof Methods, P>(
    method: K,
    args: ArgsOf<K>,
    call: CallOptions<P> = {},
  ): AsyncGenerator<ItemOf<K>, void, undefined> {
    return this.#send(method, args, call as CallOptions<never>) as AsyncGenerator<ItemOf<K>, void, undefined>;
  }

  /** Sends a request, and yields what comes back. A reader that leaves early ends the call. */
  async *#send(
    method: string,
    args: readonly unknown[],
    { signal, onProgress }: CallOptions<never>,
  ): AsyncGenerator<unknown, void, undefined> {
    signal?.throwIfAborted();
    const id = this.#calls++;
    const queue: Reply[] = [];
    let failure: Error | undefined;
    let wake = () => {};
    this.#waiting.set(id, {
      take(reply) {
        if (reply.kind === 'progress') return onProgress?.(reply.value as never);
        queue.push(reply);
        wake();
      },
      fail(error) {
        failure = error;
        wake();
      },
    });
    const post = (request: Request) => this.#worker.postMessage(request, transferable(args));
    const cancel = (reason: unknown) => this.#worker.postMessage({ id, kind: 'cancel', reason: sentError(reason) });
    const onAbort = () => cancel(signal!.reason);
    signal?.addEventListener('abort', onAbort);
    let isOver = false;
    try {
      post({ id, kind: 'call', method, args });
      while (true) {
        while (queue.length === 0 && !failure) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        const reply = queue.shift();
        if (reply === undefined) {
          isOver = true;
          throw failure;
        }
        if (reply.kind === 'value') {
          yield reply.value;
          continue;
        }
        isOver = true;
        if (reply.kind === 'error') throw signal?.aborted ? signal.reason : receivedError(reply.error);
        return;
      }
    } finally {
      signal?.removeEventListener('abort', onAbort);
      if (!isOver) cancel(new DOMException('The caller has seen enough.', 'AbortError'));
      this.#waiting.delete(id);
    }
  }
}

/** What a classifier in a worker asks of it. */
interface Asking {
  ask<K extends keyof Methods, P>(method: K, args: ArgsOf<K>, call?: CallOptions<P>): Promise<ResultOf<K>>;
  stream<K extends keyof Methods, P>(
    method: K,
    args: ArgsOf<K>,
    call?: CallOptions<P>,
  ): AsyncGenerator<ItemOf<K>, void, undefined>;
}

/** A run as a classifier in a worker: `Classifier`, at the other end. */
export interface WorkerClassifier extends AsyncDisposable {
  readonly classes: readonly string[];
  readonly preprocessing: Preprocessing;
  /** Notes on reading the weights, a sentence each. */
  readonly notes: readonly string[];
  /** The temperature that logits are divided by: 1 where it was not calibrated. */
  readonly temperature: number;
  /** The images that it was made of, by their content; null where unknown. */
  readonly seen: Seen | null;
  /**
   * Looks at one image. An `ImageBitmap` or a `VideoFrame` is handed over, and is the page's no more.
   * @param options `top` is the number of classes to name, default 5
   */
  classify(
    image: ClassifierInput,
    options?: { readonly signal?: AbortSignal | undefined; readonly top?: number },
  ): Promise<Classification>;
  /** Looks at images one batch after the other. What is wrong with one is said in its place. */
  predict(images: readonly ClassifierInput[], call?: CallOptions): AsyncGenerator<Prediction, void, undefined>;
  /** The input of the network's last layer for each image, (f). */
  features(images: readonly ClassifierInput[], call?: CallOptions): AsyncGenerator<FeatureVector, void, undefined>;
  /** Evaluates it on labelled images whose classes are among its own. */
  evaluate(
    images: ImageCollection,
    options?: Omit<EvaluationOptions, 'outputs'> & CallOptions,
  ): Promise<CollectionEvaluation>;
  /** Says of one image after the other what in it speaks for a class. */
  explain(
    images: readonly ClassifierInput[],
    options?: Omit<ExplainOptions, 'signal' | 'onProgress'> & CallOptions,
  ): AsyncGenerator<Explanation, void, undefined>;
  /** The labels of a collection that are probably wrong, the worst first. */
  labelIssues(images: ImageCollection, call?: CallOptions): Promise<CollectionLabelIssue[]>;
  /** The classifier as one ONNX file, which `loadPredictor` opens. */
  toOnnx(options?: { readonly batchSize?: number }): Promise<Uint8Array>;
  /** Frees its sessions. Idempotent. */
  close(): Promise<void>;
}

function workerClassifier(
  { handle, classes, preprocessing, notes, temperature, seen }: ResultOf<'open'>,
  { ask, stream }: Asking,
): WorkerClassifier {
  const close = () => ask('close', [handle]);
  return {
    classes,
    preprocessing,
    notes,
    temperature,
    seen,
    classify: (image, { signal, top } = {}) =>
      ask('classify', [handle, image, { ...(top !== undefined && { top }) }], { signal }),
    predict: (images, call) => stream('predict', [handle, images], call),
    features: (images, call) => stream('features', [handle, images], call),
    evaluate: (images, { signal, onProgress, ...options } = {}) =>
      ask('evaluate', [handle, images, options], { signal, onProgress }),
    explain: (images, { signal, onProgress, ...options } = {}) =>
      stream('explain', [handle, images, options], { signal, onProgress }),
    labelIssues: (images, call) => ask('labelIssues', [handle, images], call),
    toOnnx: (options = {}) => ask('toOnnx', [handle, options]),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Frames among the arguments are handed over: a copy would cost more than looking at them. */
function transferable(args: readonly unknown[]): Transferable[] {
  return args.filter(
    (arg): arg is ImageBitmap | VideoFrame =>
      arg instanceof ImageBitmap || (typeof VideoFrame !== 'undefined' && arg instanceof VideoFrame),
  );
}
