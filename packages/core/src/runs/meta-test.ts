/// <reference lib="esnext.disposable" preserve="true" />
import { OptionError } from '../base/errors.ts';
import type { TensorOf } from '../base/tensor.ts';
import type { Episode, EpisodeShape } from '../meta/episode.ts';
import type { EpisodeResult, EpisodeTester } from '../meta/episode-tester.ts';
import { type EpisodeInterval, episodeInterval } from '../meta/statistics.ts';
import type { CompileTasks } from '../meta/task-program.ts';
import type { LearnerName, ResolvedMetaConfig } from '../recipe/meta/index.ts';
import type { Runtime } from '../runtime/index.ts';
import type { OpenLearner } from './open-learner.ts';
import { openTester } from './open-tester.ts';

/** The classes of a split that episodes are drawn from. */
export type TestSide = 'test' | 'validation' | 'train';
export const testSides: readonly TestSide[] = ['test', 'validation', 'train'];

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

/** How a test is ended, and heard of. */
export interface TestProgress {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
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
  test(options: TestProgress): Promise<{
    readonly test: MetaTest;
    readonly accuracies: readonly number[];
  }>;
}

/** A test of a run: its learner, and the episodes to come. */
export interface MetaTestOrder {
  /** The run's name, for the result. */
  readonly run: string;
  /** The place of its images, for the result. */
  readonly folder: string;
  readonly of: MetaTest['of'];
  readonly opened: OpenLearner;
  readonly shape: EpisodeShape;
  /** Inner steps. Default: the run's `testSteps`. */
  readonly steps: number | undefined;
  /** The number of episodes. */
  readonly count: number;
  /** The episode of a number, from 0: always the same. */
  draw(index: number): Episode;
  readonly runtime: Runtime;
  readonly parallel: CompileTasks;
}

/** Opens a test. Nothing is compiled before it is needed. @throws OptionError for steps of a learner without any */
export function metaTest(order: MetaTestOrder): OpenMetaTest {
  const { run, folder, of, opened, shape, count, runtime, parallel } = order;
  const { config, notes } = opened;
  const draw = (index: number) => order.draw(index);
  const steps = stepsOf(config, order.steps);
  const testers = new Map<number, Promise<EpisodeTester>>();
  const testerOf = (taken: number) => {
    const known = testers.get(taken);
    if (known) return known;
    const tester = openTester(opened, opened.values, {
      ...{ config, shape, steps: taken, runtime },
      parallel,
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
        ...{ run, of, learner, model, statistics, folder, shape, notes, perStep },
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
