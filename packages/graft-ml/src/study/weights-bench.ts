import { isDeepStrictEqual } from 'node:util';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { printableName } from '@graft-ml/core/internal/base/printable';
import type { Tensors } from '@graft-ml/core/internal/base/tensor';
import { version } from '@graft-ml/core/internal/base/version';
import { startEvaluation } from '@graft-ml/core/internal/evaluate/evaluation';
import { contentKey, nothingSeen, type Seen } from '@graft-ml/core/internal/image/seen';
import { averagedFrom, type Run } from '@graft-ml/core/internal/runs/run-file';
import { describeCheckpoint } from '@graft-ml/core/internal/weights/checkpoint';
import type { Runtime } from '@graft-ml/core/runtime';
import { openBackbone } from '../checkpoint/backbone.ts';
import { Classifier } from '../evaluate/classifier.ts';
import { classifyLabelled } from '../evaluate/evaluate-folder.ts';
import { chooseImages, type EvaluationImages, openRunImages, type RunImages } from '../evaluate/evaluation-images.ts';
import { type OpenRunOptions, openRun } from '../evaluate/open-run.ts';
import { nodeHost } from '../runs/host.ts';
import { assertNewRun, RunFolder, readRun, usablePaths } from '../runs/index.ts';
import { openRunStore, ownOnnx } from '../runs/run-store.ts';
import { createRuntime } from '../runtime/index.ts';

/** Options of averaging the weights of runs. */
export interface AverageOptions extends Pick<OpenRunOptions, 'openStore' | 'cache' | 'decoder' | 'device' | 'threads'> {
  /** The folder of the run to write. */
  readonly out: string;
  /** Takes the place of a run that stands there. Default false. */
  readonly overwrite?: boolean | undefined;
  /** Where the runs' dataset is now, if it was moved, or if they were made by someone else. */
  readonly data?: string | undefined;
  /** Ends it before the run is written, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: AverageProgress) => void) | undefined;
}

/** A step of the work, and how far it is. */
export interface AverageProgress {
  readonly stage: string;
  readonly done: number;
  readonly total: number;
}

/** How good weights are on a part of the dataset. */
export interface MeasuredWeights {
  readonly images: number;
  readonly accuracy: number;
  /** 95 % (Wilson 1927). */
  readonly interval: readonly [low: number, high: number];
  /** Mean cross entropy in nats. */
  readonly loss: number;
}

/** The weights of a run's best epoch. */
export interface RunTensors {
  readonly tensors: Tensors;
  readonly seen: Seen | null;
}

/** @throws UserError with what differs, where the weights of two runs are not of one network for one task */
export function assertSameTask(path: string, run: Run, otherPath: string, other: Run): void {
  const difference = differenceOf(run, other);
  if (difference === null) return;
  throw new UserError(
    `${otherPath} and ${path} have ${difference}: their weights cannot be averaged, or the average cannot be judged.`,
  );
}

/** What keeps the weights of two runs from being averaged; null where nothing does. */
export function differenceOf(run: Run, other: Run): string | null {
  if (run.config.model !== other.config.model || run.onnxSha256 !== other.onnxSha256) return 'different models';
  if (!isDeepStrictEqual(run.config.head, other.config.head)) return 'different heads';
  if (!isDeepStrictEqual(run.classes, other.classes)) return 'different classes';
  if (!isDeepStrictEqual(run.preprocessing, other.preprocessing)) return 'different preprocessing';
  const { dataset } = run;
  if (dataset.fingerprint !== other.dataset.fingerprint || dataset.test !== other.dataset.test) {
    return 'different datasets';
  }
  return null;
}

/** Whether the first is better: the higher accuracy, and of equal ones the lower loss. */
export function isBetter(
  one: Pick<MeasuredWeights, 'accuracy' | 'loss'>,
  other: Pick<MeasuredWeights, 'accuracy' | 'loss'>,
): boolean {
  return one.accuracy > other.accuracy || (one.accuracy === other.accuracy && one.loss < other.loss);
}

/**
 * The validation and test images of a run, on which weights of its network are measured, and where an average becomes
 * a run. It has threads until it is closed.
 */
export class WeightsBench implements AsyncDisposable {
  /** The run whose dataset it is, with the places that may be opened. */
  readonly run: Run;
  readonly #path: string;
  readonly #classifier: Classifier;
  readonly #validation: EvaluationImages;
  readonly #test: EvaluationImages | null;
  readonly #runtime: Runtime;
  readonly #options: AverageOptions;

  private constructor(path: string, { run, classifier, runtime, images }: BenchParts, options: AverageOptions) {
    [this.#path, this.run, this.#classifier, this.#runtime, this.#options] = [path, run, classifier, runtime, options];
    this.#validation = chooseImages(images, run.folder, { part: 'validation' });
    this.#test = run.dataset.test > 0 ? chooseImages(images, run.folder, { part: 'test' }) : null;
  }

  /** @throws UserError where the run or its images cannot be read, or it has no validation images to choose by */
  static async open(path: string, options: AverageOptions): Promise<WeightsBench> {
    const { openStore = openRunStore, cache, data, signal, decoder, overwrite = false, out } = options;
    await assertNewRun(openStore(out), { overwrite });
    const recorded = await readRun(path, openStore);
    if (recorded.dataset.validation === 0) {
      throw new UserError(`${path} has no validation images, which decide whether an average is better.`);
    }
    const run = await usablePaths(path, recorded, { data });
    const runtime = createRuntime(options);
    const classifier = await openRun(path, { openStore, cache, decoder, runtime, calibrated: false });
    try {
      const images = await openRunImages(run, run.folder, { cache, signal }, classifier);
      if (!images.sameDataset) {
        throw new UserError(`${run.folder} does not hold the images that ${path} was trained and validated on.`);
      }
      return new WeightsBench(path, { run, classifier, runtime, images }, options);
    } catch (error) {
      await classifier.close();
      throw error;
    }
  }

  /** Whether the dataset has a test part. */
  get hasTest(): boolean {
    return this.#test !== null;
  }

  /** The weights of another run of the same network, or of this one. @throws UserError */
  async weightsOf(path: string): Promise<RunTensors> {
    const { openStore, cache } = this.#options;
    const decoder = this.#classifier.pool;
    await using opened = await openRun(path, { openStore, cache, decoder, runtime: this.#runtime, calibrated: false });
    return { tensors: opened.variables, seen: opened.seen };
  }

  /**
   * What keeps weights from being judged here; null where nothing does. A network that was trained on images of the
   * validation or test part would look better than it is, and so would an average with it.
   */
  objectionTo({ seen }: RunTensors): string | null {
    if (seen === null || !seen.isComplete) return 'nobody recorded all images that it was trained on';
    const judges = [...this.#validation.images, ...(this.#test?.images ?? [])];
    const known = judges.filter((image) => seen.fitted.has(contentKey(image))).length;
    if (known === 0) return null;
    return (
      `it was trained on ${known} of the ${judges.length} images that ${this.#path} is validated and tested with: their ` +
      'seeds divide the dataset in different ways, unless it has parts of its own (train/, val/ and test/)'
    );
  }

  /** @param part the test part is for what has been chosen, and never for choosing */
  async measure(weights: Tensors, part: 'validation' | 'test', stage: string): Promise<MeasuredWeights> {
    const { signal, onProgress } = this.#options;
    const chosen = part === 'validation' ? this.#validation : this.#test;
    if (chosen === null) throw new Error('The dataset has no test part.');
    const { model, classes, preprocessing, pool } = this.#classifier;
    await using classifier = new Classifier(
      { model, weights, classes, preprocessing },
      { runtime: this.#runtime, decoder: pool },
    );
    const evaluation = startEvaluation(classes, { replicates: 0, exactScores: 0 });
    for await (const { label, probabilities } of classifyLabelled(classifier, chosen, { signal })) {
      evaluation.add(label, probabilities);
      onProgress?.({ stage, done: evaluation.images, total: chosen.images.length });
    }
    const { images, accuracy, interval, loss } = evaluation.value();
    return { images, accuracy, interval, loss };
  }

  /** Writes an average as a run that is done, whose record says what it is made of. */
  async write(
    tensors: Tensors,
    {
      how,
      of,
      validation,
    }: { readonly how: string; readonly of: readonly RunTensors[]; readonly validation: MeasuredWeights },
  ): Promise<void> {
    const { openStore, overwrite = false, out, signal } = this.#options;
    signal?.throwIfAborted();
    const { model, classes, preprocessing } = this.#classifier;
    const host = nodeHost(openStore);
    const { calibration: _, ...source } = this.run;
    const run: Run = {
      ...source,
      graft: version,
      status: 'running',
      versions: host.versions,
      best: { accuracy: validation.accuracy, loss: validation.loss, epoch: 0 },
      addedEpochs: 0,
      changes: [{ epoch: 0, change: averagedFrom + how }],
    };
    const description = describeCheckpoint(model, classes, preprocessing, seenBy(of));
    const onnxFile = ownOnnx(this.#path, this.run, openStore);
    const { onnx } = await openBackbone({ ...this.run.config, weights: null }, { onnxFile });
    const folder = new RunFolder(out, run, { description, initial: tensors, onnx, host });
    try {
      await folder.createWhole({ overwrite });
    } finally {
      await folder.release();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#classifier.close();
  }
}

interface BenchParts {
  readonly run: Run;
  readonly classifier: Classifier;
  readonly runtime: Runtime;
  readonly images: RunImages;
}

/** The images that any of the ingredients has seen; null where none of them says. */
function seenBy(of: readonly RunTensors[]): Seen | null {
  const known = of.flatMap(({ seen }) => (seen === null ? [] : [seen]));
  if (known.length === 0) return null;
  return {
    fitted: new Set(known.flatMap(({ fitted }) => [...fitted])),
    chosen: new Set(known.flatMap(({ chosen }) => [...chosen])),
    history: [...(known[0] ?? nothingSeen).history, 'soup'],
    isComplete: known.length === of.length && known.every(({ isComplete }) => isComplete),
  };
}

/** Names in a sentence, of many the first. */
export function shortList(names: readonly string[]): string {
  const shown = names.slice(0, 12).map((name) => printableName(name, 60));
  return shown.join(', ') + (names.length > shown.length ? ` and ${names.length - shown.length} more` : '');
}
