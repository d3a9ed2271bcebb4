/// <reference lib="esnext.disposable" preserve="true" />
import { availableParallelism } from 'node:os';
import { call, placeholder } from '@graft-ml/core/internal/base/code';
import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import type { TensorOf } from '@graft-ml/core/internal/base/tensor';
import type { CheckpointName } from '@graft-ml/core/internal/fit/checkpoint-files';
import type { ImageDecoder } from '@graft-ml/core/internal/image/decoder';
import type { Episode, EpisodeShape } from '@graft-ml/core/internal/meta/episode';
import type { EpisodeResult, EpisodeTester } from '@graft-ml/core/internal/meta/episode-tester';
import { type EpisodeInterval, episodeInterval } from '@graft-ml/core/internal/meta/statistics';
import type { LearnerName, ResolvedMetaConfig } from '@graft-ml/core/internal/recipe/meta/index';
import type { ClassSplit } from '@graft-ml/core/internal/recipe/meta/split';
import type { OpenLearner } from '@graft-ml/core/internal/runs/open-learner';
import { openTester } from '@graft-ml/core/internal/runs/open-tester';
import type { Preparation } from '@graft-ml/core/internal/runs/prepared';
import type { Backend, Runtime } from '@graft-ml/core/runtime';
import { oneShotTrials } from '../episodes/one-shot-trials.ts';
import type { FolderCache } from '../files/cache-folder.ts';
import { areOwnPaths } from '../runs/own-paths.ts';
import type { OpenRunStore } from '../runs/run-store.ts';
import { openLearner } from './open-learner.ts';
import { openSets, sideBySide, taskRuntime } from './prepare-meta.ts';
import { findStart } from './starts.ts';

/** The classes of a split that episodes are drawn from. */
export type TestSide = 'test' | 'validation' | 'train';
export const testSides: readonly TestSide[] = ['test', 'validation', 'train'];

export interface TestMetaOptions {
  /** The checkpoint of the run. Default: `best`. */
  readonly checkpoint?: CheckpointName | undefined;
  /** Default 600. Of `trials` there are 20. */
  readonly episodes?: number | undefined;
  /** Default: as in training. */
  readonly way?: number | undefined;
  readonly shots?: number | undefined;
  readonly queries?: number | undefined;
  /** Inner steps; default: the run's `testSteps`. */
  readonly steps?: number | undefined;
  /** The side whose classes are tested. Default `test`, which training never saw. */
  readonly side?: TestSide | undefined;
  /** Another dataset than the run's, and how to divide it. */
  readonly folder?: string | undefined;
  readonly split?: ClassSplit | undefined;
  /** The 20 trials of one-shot classification that belong to Omniglot, which must be in the dataset's folder. */
  readonly trials?: boolean | undefined;
  /** Default: the run's. Another one draws other episodes. */
  readonly seed?: number | undefined;
  readonly threads?: number | undefined;
  /** The cache for results that can be computed again. Default: `defaultCache()`; null: none. */
  readonly cache?: FolderCache | null | undefined;
  /**
   * The image decoder: a pool, or a program's own. It stays its owner's. Default: threads of this process, opened and
   * closed.
   */
  readonly decoder?: ImageDecoder | undefined;
  /** The backend that runs the graphs. Default: ORT in this process and in threads. */
  readonly backend?: Backend | undefined;
  /** Opens the store of the run. Default: in a folder. */
  readonly openStore?: OpenRunStore | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onPreparation?: ((progress: Preparation) => void) | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** The result of a learner after a number of inner steps. */
export interface StepResult {
  readonly steps: number;
  readonly accuracy: EpisodeInterval;
  readonly loss: EpisodeInterval;
}

export interface MetaTest {
  readonly run: string;
  readonly learner: LearnerName;
  readonly model: string;
  readonly statistics: ResolvedMetaConfig['statistics'];
  readonly folder: string;
  readonly of: TestSide | 'one-shot trials';
  readonly shape: EpisodeShape;
  readonly episodes: number;
  /** After the last inner step. */
  readonly accuracy: EpisodeInterval;
  /** After 0, 1, … inner steps; of a learner without any, one. */
  readonly perStep: readonly StepResult[];
  readonly notes: readonly string[];
}

/** Episodes whose images are in memory at once. */
const chunk = 32;

/**
 * Tests a run of meta-learning on tasks it has not seen: the mean over episodes with its 95 % interval, after each
 * inner step.
 *
 * @throws UserError where the run, the dataset, or the shape of the episodes cannot be had
 */
export async function testMeta(start: string, options: TestMetaOptions = {}): Promise<MetaTest> {
  await using opened = await openMetaTest(start, options);
  return (await opened.test(options)).test;
}

/** A learner on episodes that it has not seen. */
export interface OpenMetaTest extends AsyncDisposable {
  readonly opened: OpenLearner;
  readonly runtime: Runtime;
  /** Inner steps. */
  readonly steps: number;
  /** The episode of a number, from 0: always the same. */
  draw(index: number): Episode;
  /** The learner's answers to the queries of an episode after so many inner steps: logits (queries, way). */
  answers(episode: Episode, steps: number): Promise<TensorOf<'f32'>>;
  /** All episodes, with the share of queries that is answered rightly in each. */
  test(options: Pick<TestMetaOptions, 'signal' | 'onProgress'>): Promise<{
    readonly test: MetaTest;
    readonly accuracies: readonly number[];
  }>;
}

/**
 * Opens the run and the dataset of a test.
 *
 * @param caller the function that a message says how to call
 * @throws UserError as `testMeta`
 */
export async function openMetaTest(
  start: string,
  options: TestMetaOptions = {},
  caller: 'testMeta' | 'writeMetaReport' = 'testMeta',
): Promise<OpenMetaTest> {
  const { path, openStore } = await findStart(start, options.openStore);
  const { trials = false, side = 'test', signal, cache, decoder, onPreparation } = options;
  if (trials) assertShape(options);
  const opened = await openLearner(path, trials ? 20 : options.way, options.checkpoint, openStore);
  const { config, run, preprocessing, notes } = opened;
  const shape: EpisodeShape = trials
    ? { way: 20, shots: 1, queries: 1 }
    : {
        way: options.way ?? config.way,
        shots: options.shots ?? config.shots,
        queries: options.queries ?? config.queries,
      };
  if (config.fixedLabels && shape.way !== config.way)
    throw new OptionError({
      option: 'way',
      expected: String(config.way),
      received: shape.way,
      problem: `: ${path} has fixed labels for its ${config.way} classes. Leave it out.`,
    });
  const folder = options.folder ?? run.folder;
  if (options.folder === undefined && path !== start)
    throw new UserError(`${start} comes with Graft, its dataset does not. Name one: ${naming(caller, start)}.`);
  if (options.folder === undefined && !(await areOwnPaths(run))) {
    throw new UserError(
      `${path} was not made by you on this machine (or by a version of Graft before 0.2), so that the dataset it ` +
        `names is not opened unasked; it says ${folder}. Name one: ${naming(caller, path)}.`,
    );
  }
  const split = options.split ?? (options.folder === undefined ? config.split : 'auto');
  const look = { ...config, ...shape, split, seed: config.seed };
  const seed = options.seed ?? config.seed;
  const draw = trials
    ? await drawTrials(folder, preprocessing.crop, decoder)
    : await openSets(folder, look, preprocessing, { signal, cache, decoder, onPreparation }).then(
        (sets) => (i: number) => sets[side].draw(shape, [seed, side, i]),
      );
  const count = trials ? 20 : (options.episodes ?? 600);
  const runtime = taskRuntime(config.device, { choices: run.choices, cache, backend: options.backend, onPreparation });
  const threads = options.threads ?? config.threads ?? availableParallelism();
  const steps = stepsOf(config, options.steps);
  const testers = new Map<number, Promise<EpisodeTester>>();
  const testerOf = (taken: number) => {
    const known = testers.get(taken);
    if (known) return known;
    const tester = openTester(opened, opened.values, {
      ...{ config, shape, steps: taken, runtime },
      parallel: sideBySide(threads, options.backend),
    });
    testers.set(taken, tester);
    return tester;
  };
  return {
    ...{ opened, runtime, steps, draw },
    async answers(episode, taken) {
      const [result] = await (await testerOf(taken)).test([episode]);
      return result!.logits;
    },
    async test(during) {
      const tester = await testerOf(steps);
      const results: EpisodeResult[] = [];
      for (let first = 0; first < count; first += chunk) {
        during.signal?.throwIfAborted();
        const episodes = Array.from({ length: Math.min(chunk, count - first) }, (_, i) => draw(first + i));
        results.push(...(await tester.test(episodes)));
        during.onProgress?.(results.length, count);
      }
      const perStep = summarise(results, shape.way * shape.queries);
      const { learner, model, statistics } = config;
      const test: MetaTest = {
        ...{ run: path, learner, model, statistics, folder, shape, notes, perStep },
        of: trials ? 'one-shot trials' : side,
        episodes: results.length,
        accuracy: perStep.at(-1)!.accuracy,
      };
      return { test, accuracies: results.map(({ correct }) => correct.at(-1)! / (shape.way * shape.queries)) };
    },
    async [Symbol.asyncDispose]() {
      for (const tester of await Promise.all(testers.values())) await tester.close();
    },
  };
}

/** The call that opens a run with a dataset of the reader's. */
function naming(caller: string, run: string): string {
  return call(caller, [run], { folder: placeholder('folder') });
}

/** @throws OptionError for a learner without inner steps that is told how many */
function stepsOf({ learner, testSteps }: ResolvedMetaConfig, given: number | undefined): number {
  if (testSteps === null && given !== undefined) {
    const problem = `: ${learner} takes none.`;
    throw new OptionError({ option: 'steps', expected: 'nothing', received: given, problem });
  }
  return given ?? testSteps ?? 0;
}

function summarise(results: readonly EpisodeResult[], queries: number): StepResult[] {
  return results[0]!.correct.map((_, steps) => ({
    steps,
    accuracy: episodeInterval(results.map(({ correct }) => correct[steps]! / queries)),
    loss: episodeInterval(results.map(({ losses }) => losses[steps]!)),
  }));
}

async function drawTrials(
  folder: string,
  side: number,
  decoder: ImageDecoder | undefined,
): Promise<(index: number) => Episode> {
  const episodes = await oneShotTrials(folder, side, decoder);
  return (index) => episodes[index]!;
}

/** @throws UserError where the trials, which are what they are, are to be of another shape */
function assertShape({ way, shots, queries, episodes, side, seed, split }: TestMetaOptions): void {
  const given = Object.entries({ way, shots, queries, episodes, side, seed, split }).find(
    ([, value]) => value !== undefined,
  );
  if (given)
    throw new OptionError({
      option: given[0],
      expected: 'nothing beside `trials`',
      received: given[1],
      problem: ' is not for `trials`, which are 20 tasks of 20 classes with one image each: leave it out.',
    });
}
