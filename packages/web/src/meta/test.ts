import { OptionError } from '@graft-ml/core/internal/base/errors';
import type { CheckpointName } from '@graft-ml/core/internal/fit/checkpoint-files';
import type { ClassSplit } from '@graft-ml/core/internal/recipe/meta/split';
import { type MetaTest, metaTest, type TestSide } from '@graft-ml/core/internal/runs/meta-test';
import { backboneOf, openLearner } from '@graft-ml/core/internal/runs/open-learner';
import { ownOnnx } from '@graft-ml/core/internal/runs/run-files';
import { inSequence } from '@graft-ml/core/internal/runtime/index';
import type { ImageCollection } from '../data/collection.ts';
import { openBackbone } from '../model/backbone.ts';
import { privateRuns } from '../runs/private-runs.ts';
import { createRuntime } from '../runtime/index.ts';
import { openSets } from './sets.ts';
import { readMetaRun, type TrainMetaOptions } from './train.ts';

export interface TestMetaOptions
  extends Pick<TrainMetaOptions, 'decoder' | 'runtime' | 'openStore' | 'onPreparation' | 'signal'> {
  /** The checkpoint of the run. Default: `best`. */
  readonly checkpoint?: CheckpointName | undefined;
  /** Default 600. */
  readonly episodes?: number | undefined;
  /** Default: as in training. */
  readonly way?: number | undefined;
  readonly shots?: number | undefined;
  readonly queries?: number | undefined;
  /** Inner steps. Default: the run's `testSteps`. */
  readonly steps?: number | undefined;
  /** The side whose classes are tested. Default `test`, which training never saw. */
  readonly side?: TestSide | undefined;
  /** How to divide the classes. Default: as the run did, which suits its own images. */
  readonly split?: ClassSplit | undefined;
  /** Default: the run's. Another one draws other episodes. */
  readonly seed?: number | undefined;
  /** Hears of the episodes that were tested. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/**
 * Tests a run of meta-learning on tasks it has not seen, as `graft meta test` does: the mean over episodes with its 95 %
 * interval, after each inner step.
 *
 * @param images those that it was trained on, of whose classes some were left for this, or others
 * @throws UserError (by rejection) where the run, the images, or the shape of the episodes cannot be had
 * @example const { accuracy } = await testMeta('runs/anil', characters, { episodes: 100 });
 */
export async function testMeta(
  path: string,
  images: ImageCollection,
  options: TestMetaOptions = {},
): Promise<MetaTest> {
  const { openStore = privateRuns(), checkpoint = 'best', side = 'test', episodes: count = 600 } = options;
  const { signal, onPreparation } = options;
  const run = await readMetaRun(path, openStore);
  const onnxFile = ownOnnx(path, run, openStore);
  const backbone = await openBackbone(backboneOf(run), { onnxFile, openStore });
  const opened = await openLearner(path, { run, backbone, way: options.way, checkpoint, openStore });
  const { config, preprocessing } = opened;
  const { way = config.way, shots = config.shots, queries = config.queries, seed = config.seed } = options;
  if (config.fixedLabels && way !== config.way) {
    throw new OptionError({
      option: 'way',
      expected: String(config.way),
      received: way,
      problem: `: ${path} has fixed labels for its ${config.way} classes. Leave it out.`,
    });
  }
  const shape = { way, shots, queries };
  const look = { ...config, ...shape, split: options.split ?? config.split };
  const sets = await openSets(images, look, preprocessing, options);
  const runtime = createRuntime({
    ...options.runtime,
    choices: run.choices,
    onTuning: ({ done, total }) => onPreparation?.({ stage: 'timing kernels', done, total }),
  });
  await using opening = metaTest({
    ...{ run: path, folder: 'the collection', of: side, opened, shape, steps: options.steps, count, runtime },
    draw: (index) => sets[side].draw(shape, [seed, side, index]),
    parallel: async (outputs, tasks) => inSequence(await tasks.runtime.compile(outputs)),
  });
  const { test } = await opening.test({ signal, onProgress: options.onProgress });
  return test;
}
