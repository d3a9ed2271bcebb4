/// <reference lib="esnext.disposable" preserve="true" />
import { call, placeholder } from '@graft-ml/core/internal/base/code';
import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import type { CheckpointName } from '@graft-ml/core/internal/fit/checkpoint-files';
import type { ImageDecoder } from '@graft-ml/core/internal/image/decoder';
import type { Episode, EpisodeShape } from '@graft-ml/core/internal/meta/episode';
import type { ClassSplit } from '@graft-ml/core/internal/recipe/meta/split';
import { type MetaTest, metaTest, type OpenMetaTest, type TestSide } from '@graft-ml/core/internal/runs/meta-test';
import type { Preparation } from '@graft-ml/core/internal/runs/prepared';
import type { Backend } from '@graft-ml/core/runtime';
import { oneShotTrials } from '../episodes/one-shot-trials.ts';
import type { FolderCache } from '../files/cache-folder.ts';
import { availableCores } from '../files/own-process.ts';
import { areOwnPaths } from '../runs/own-paths.ts';
import type { OpenRunStore } from '../runs/run-store.ts';
import type { DeviceName } from '../runtime/index.ts';
import { openLearner } from './open-learner.ts';
import { openSets, sideBySide, taskRuntime } from './prepare-meta.ts';
import { findStart } from './starts.ts';

export {
  type MetaTest,
  type OpenMetaTest,
  type StepResult,
  type TestSide,
  testSides,
} from '@graft-ml/core/internal/runs/meta-test';

export interface TestMetaOptions {
  /** The checkpoint of the run. Default: `best`. */
  readonly checkpoint?: CheckpointName | undefined;
  /** Default 600. Of `trials` there are 20. */
  readonly episodes?: number | undefined;
  /** Default: as in training. */
  readonly way?: number | undefined;
  readonly shots?: number | undefined;
  readonly queries?: number | undefined;
  /** The device that computes, as in `createRuntime`. Default: that of the run. */
  readonly device?: DeviceName | undefined;
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
  const { config, run, preprocessing } = opened;
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
  const { device = config.device, backend } = options;
  const said: string[] = [];
  const onNote = (note: string) => said.push(note);
  const runtime = taskRuntime(device, { choices: run.choices, cache, backend, onPreparation, onNote });
  const threads = options.threads ?? config.threads ?? availableCores();
  const noted = { ...opened, notes: [...said, ...opened.notes] };
  return metaTest({
    ...{
      run: path,
      folder,
      of: trials ? ('one-shot trials' as const) : side,
      opened: noted,
      shape,
      count,
      draw,
      runtime,
    },
    steps: options.steps,
    parallel: sideBySide(threads, options.backend),
  });
}

/** The call that opens a run with a dataset of the reader's. */
function naming(caller: string, run: string): string {
  return call(caller, [run], { folder: placeholder('folder') });
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
