import { option } from '../base/code.ts';
import { OptionError } from '../base/errors.ts';
import type { Rounds } from '../fit/diloco.ts';
import type { ImageSet } from '../fit/examples.ts';
import type { FitOptions } from '../fit/fit-options.ts';
import { fitTask } from '../fit/fit-task.ts';
import type { Model } from '../fit/model.ts';
import type { OuterOptimizer } from '../fit/outer-step.ts';
import { workerSeed } from '../fit/shards.ts';
import type { TrainingTask } from '../fit/task.ts';
import { type ResolvedConfig, scheduleOf } from './config/index.ts';
import { workersDefaults } from './config/workers.ts';
import { fitOptionsOf } from './fit-options.ts';
import { type PlannedStage, planOf } from './plan.ts';
import { strategies } from './strategy.ts';
import { stepsPerEpoch } from './timetable.ts';

/** The rounds of a run with workers. */
export interface PlannedRounds extends Rounds {
  /** Steps in which a worker goes once through its images. */
  readonly stepsPerPass: number;
  readonly batchSize: number;
  readonly accumulate: number;
}

/**
 * The rounds of a configuration with workers, for so many training images. An epoch is made of whole rounds: as many as
 * come nearest to one pass over the images, and at least one. There are as many epochs as come nearest to the images
 * that `epochs` asks for.
 *
 * @throws OptionError where the images do not suffice for the workers, or the steps not for a round
 */
export function roundsOf(config: ResolvedConfig, images: number): PlannedRounds {
  const { workers, batchSize, epochs } = config;
  if (workers === null) throw new Error('roundsOf: there are no workers');
  const averageEvery = config.averageEvery ?? workersDefaults.averageEvery;
  const each = Math.floor(images / workers);
  const accumulate = Math.max(1, Math.min(config.accumulate, Math.floor(each / batchSize)));
  const steps = stepsPerEpoch(each, batchSize, accumulate);
  if (steps === 0) {
    const most = Math.floor(images / batchSize);
    throw new OptionError({
      option: 'workers',
      expected: `at most ${Math.max(1, most)} for ${images} training images in batches of ${batchSize}`,
      received: workers,
      problem:
        `: ${images} training images are ${each} for each of ${workers} workers, less than a batch of ${batchSize}. ` +
        `Give ${most > 0 ? `at most ${option('workers', most)}, or ` : ''}a smaller ${option('batchSize')}.`,
    });
  }
  if (averageEvery > epochs * steps) {
    throw new OptionError({
      option: 'averageEvery',
      expected: `at most ${epochs * steps}, the steps that a worker takes`,
      received: averageEvery,
      problem:
        ` ${averageEvery} is more than the ${epochs * steps} steps that each of ${workers} workers takes in ` +
        `${epochs} epochs. Give fewer, or more ${option('epochs')}.`,
    });
  }
  const perEpoch = Math.max(1, Math.round(steps / averageEvery));
  return {
    workers,
    steps: averageEvery,
    perEpoch,
    epochs: Math.max(1, Math.round((epochs * steps) / (perEpoch * averageEvery))),
    stepsPerPass: steps,
    batchSize,
    accumulate,
  };
}

/** The outer optimizer of a configuration with workers. */
export function outerOf({
  outerLearningRate,
  outerMomentum,
}: Pick<ResolvedConfig, 'outerLearningRate' | 'outerMomentum'>): OuterOptimizer {
  return {
    learningRate: outerLearningRate ?? workersDefaults.outerLearningRate,
    momentum: outerMomentum ?? workersDefaults.outerMomentum,
  };
}

/**
 * @throws OptionError where workers cannot train so: their training has one stage, which is known when it begins, and
 * what is evaluated are the outer parameters
 */
export function assertWorkersCan(config: ResolvedConfig): void {
  const { workers, strategy, probe, ema, schedule } = config;
  if (workers === null) return;
  const refuse = (name: 'strategy' | 'probe' | 'ema' | 'schedule', received: string | number, reason: string) => {
    const expected = `nothing of the kind with workers`;
    const problem = ` ${received} does not go with ${option('workers')}: ${reason}`;
    throw new OptionError({ option: name, expected, received, problem });
  };
  if (strategies[strategy].isDecidedByProbe) {
    refuse(
      'strategy',
      strategy,
      `what it trains is decided by a probe. Name one, such as ${option('strategy', 'full')}.`,
    );
  }
  if (strategy === 'gradual') refuse('strategy', strategy, 'what is trained must be the same in all rounds.');
  if (probe > 0) refuse('probe', probe, 'what is trained must be the same in all rounds. Leave it out.');
  if (ema !== null) refuse('ema', ema, 'what is evaluated is an average already. Leave it out.');
  if (schedule === 'plateau') {
    refuse('schedule', schedule, 'it waits for validation losses, which the workers do not have.');
  }
}

/** The plan of the workers' training: one stage. */
function stageOf(config: ResolvedConfig, model: Model): PlannedStage {
  const [stage, ...others] = planOf(config, model.table);
  if (!stage || others.length > 0) throw new Error(`workers: ${others.length + 1} stages, expected 1`);
  return stage;
}

/**
 * The training of a whole run with workers, whose steps are taken by them.
 *
 * @param labels of all training images
 */
export function roundsFitOptions(
  config: ResolvedConfig,
  rounds: PlannedRounds,
  model: Model,
  labels: readonly number[],
): FitOptions {
  const stage = stageOf(config, model);
  const { batchSize, accumulate } = rounds;
  const options = fitOptionsOf(config, [stage], model, labels);
  const steps = rounds.epochs * rounds.perEpoch * rounds.steps;
  const stages = (options.stages ?? []).map((of) => ({ ...of, schedule: scheduleOf(config)(steps) }));
  return { ...options, stages, batchSize, accumulate };
}

/** The training of one worker (from 0) on its images, by the options of the whole run. */
export function workerTask(
  {
    worker,
    rounds,
    images,
    validation,
  }: {
    readonly worker: number;
    readonly rounds: PlannedRounds;
    readonly images: ImageSet;
    readonly validation: ImageSet;
  },
  model: Model,
  options: FitOptions,
): TrainingTask {
  const seed = workerSeed(options.seed ?? 0, worker);
  const task = fitTask(model, { train: images, validation }, { ...options, seed });
  return { ...task, stepsPerEpoch: rounds.stepsPerPass };
}
