import { option } from '../base/code.ts';
import { OptionError } from '../base/errors.ts';
import { dilocoCourse, type LocalWorkers } from '../fit/diloco.ts';
import type { TrainEvent } from '../fit/events.ts';
import type { ImageSet } from '../fit/examples.ts';
import { fitCourse } from '../fit/fit.ts';
import type { FitOptions, FitStore, RunOptions } from '../fit/fit-options.ts';
import { fitTask } from '../fit/fit-task.ts';
import type { Model } from '../fit/model.ts';
import { workerShards } from '../fit/shards.ts';
import type { ResolvedConfig } from '../recipe/config/index.ts';
import { assertWorkersCan, outerOf, type PlannedRounds, roundsFitOptions, roundsOf } from '../recipe/rounds.ts';
import type { Prepared } from './prepared.ts';
import { fromBest } from './resumed-run.ts';
import type { Run } from './run-file.ts';

/** The workers of a run, and what they keep for the rounds to come. */
export interface RunWorkers extends LocalWorkers {
  /** The state before this round is on disk: what the rounds before the last one left will not be asked for again. */
  saved(round: number): Promise<void>;
  /** The run is complete: nothing will be asked for again. */
  completed(): Promise<void>;
}

/** A run whose steps are to be taken by workers. */
export interface WorkersOrder {
  /** The run's folder. */
  readonly out: string;
  readonly config: ResolvedConfig;
  /** The network with the run's first values. */
  readonly model: Model;
  /** The file that is the model, where it is not one of the zoo's. */
  readonly onnx: Uint8Array | null;
  /** All training images, and the positions of each worker's. */
  readonly images: ImageSet;
  readonly shards: readonly (readonly number[])[];
  readonly rounds: PlannedRounds;
  /** The round in which the workers' optimizers begin: 0, or one that the run was resumed from without them. */
  readonly begins: number;
  readonly signal: AbortSignal | undefined;
}

/** Opens the workers of a run. */
export type OpenWorkers = (order: WorkersOrder) => Promise<RunWorkers>;

export { roundsOf };

/**
 * @param resumed the run that is gone on with
 * @throws OptionError where workers cannot train so, or nobody opens any
 */
export function assertWorkers(
  config: ResolvedConfig,
  resumed: Pick<Run, 'addedEpochs'> | undefined,
  openWorkers: OpenWorkers | undefined,
): void {
  assertWorkersCan(config);
  if (!openWorkers) {
    throw new OptionError({
      option: 'workers',
      expected: `nothing where nobody opens workers (${option('openWorkers')})`,
      received: config.workers,
      problem:
        ` ${config.workers}: nobody opens them here. In Node pass ${option('openWorkers')}, as \`workersElsewhere(farm)\` ` +
        'makes it; a page has none.',
    });
  }
  if (!resumed?.addedEpochs) return;
  throw new OptionError({
    option: 'epochs',
    expected: 'nothing for a run with workers',
    received: config.epochs + resumed.addedEpochs,
    problem:
      ': the rounds of its workers were planned for the epochs that it had. Begin a new run with ' +
      `${option('weights')} set to this run’s folder.`,
  });
}

/** The epochs that a run had had when its optimizers last began anew. */
function optimizerSince({ changes }: Pick<Run, 'changes'>): number {
  return changes.findLast(({ change }) => change === fromBest)?.epoch ?? 0;
}

export type FitByWorkers = typeof fitByWorkers;

/** Trains a prepared run by its workers. */
export async function* fitByWorkers(
  { prepared, run, out }: { readonly prepared: Prepared; readonly run: Run; readonly out: string },
  openWorkers: OpenWorkers,
  { extract, ...running }: RunOptions & Pick<FitOptions, 'extract'>,
): AsyncGenerator<TrainEvent, void, undefined> {
  const { config, model, data, onnx, cache, onPreparation, onNote } = prepared;
  const { train: images } = data;
  const rounds = roundsOf(config, images.size);
  const task = fitTask(model, data, {
    ...roundsFitOptions(config, rounds, model, images.labels),
    cache,
    extract,
    onFeatures: (done, total) => onPreparation({ stage: 'extracting features', done, total }),
    onNote,
  });
  const shards = workerShards(images.labels, rounds.workers, config.seed);
  const begins = optimizerSince(run) * rounds.perEpoch;
  const { signal } = running;
  let workers: RunWorkers | undefined;
  const open = async () => {
    workers = await openWorkers({ out, config, model, onnx, images, shards, rounds, begins, signal });
    return workers;
  };
  const store = running.store && telling(running.store, rounds, () => workers);
  model.trainedOn(data);
  const course = dilocoCourse(task, rounds, outerOf(config), open);
  for await (const event of fitCourse(model, course, { ...running, ...(store && { store }) })) {
    // The last state is on disk, and a reader may leave with this event.
    if (event.kind === 'end') await workers?.completed();
    yield event;
  }
}

/** A store that tells the workers how far the run is saved. */
function telling(store: FitStore, { perEpoch }: PlannedRounds, workers: () => RunWorkers | undefined): FitStore {
  return {
    record: (event) => store.record(event),
    async saveLast(tensors, phase) {
      await store.saveLast(tensors, phase);
      await workers()?.saved(phase.epoch * perEpoch + phase.step);
    },
    saveBest: (tensors, evaluation) => store.saveBest(tensors, evaluation),
  };
}
