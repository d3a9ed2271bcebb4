import { join } from 'node:path';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { groupBy } from '@graft-ml/core/internal/image/group-by';
import { listed } from '@graft-ml/core/internal/recipe/config/exceptions';
import type { MetaRun } from '@graft-ml/core/internal/runs/meta-run';
import { loggedEpochs } from '@graft-ml/core/internal/runs/run-curves';
import { readComparison, rowOf } from '../../experiment/compare.ts';
import type { Comparison, ComparisonRow } from '../../experiment/comparison.ts';
import { metaWork } from '../../meta/meta-work.ts';
import { openLearner } from '../../meta/open-learner.ts';
import { readMetaRun } from '../../meta/read-meta-run.ts';
import { testMeta } from '../../meta/test-meta.ts';
import { openRunStore } from '../../runs/run-store.ts';
import { distinctNames } from '../../study/given.ts';
import type { StudyOptions } from './options.ts';

/** One of the meta-learners of a study, with its result on test episodes. */
export interface StudiedLearner {
  readonly path: string;
  readonly row: ComparisonRow;
  readonly run: MetaRun;
  /** Operations of one outer step, the mean over the epochs; null where nothing is trained. */
  readonly flopsPerStep: number | null;
  /** Seconds up to each point of the row's curve; NaN where they were not logged. */
  readonly seconds: readonly number[];
}

/** Runs of meta-learning, compared on episodes of classes that none of them saw. */
export interface MetaStudy {
  readonly shape: Comparison['shape'];
  readonly episodes: number;
  readonly learners: readonly StudiedLearner[];
  readonly warnings: readonly string[];
}

/** The results of a comparison, as it recorded them. @throws UserError where it has none yet */
export async function gatherComparison(path: string, { openStore = openRunStore }: StudyOptions): Promise<MetaStudy> {
  const { rows, shape, contestants } = await readComparison(path, openStore);
  if (shape === null || rows.length === 0) {
    throw new UserError(`${path} has no results yet: none of its learners has been tested.`);
  }
  await openStore(path).inspect(contestants.map(({ name }) => name));
  const learners: StudiedLearner[] = [];
  // A name of the record is a folder beside it, and only those that it trains are looked at.
  for (const { name } of contestants) {
    const row = rows.find((one) => one.name === name);
    if (row) learners.push(await learnerOf(join(path, name), row, openStore));
  }
  const missing = contestants.filter(({ name }) => !rows.some((row) => row.name === name));
  const warnings =
    missing.length === 0
      ? []
      : [
          `${listed(missing.map(({ name }) => name))} ${missing.length === 1 ? 'is' : 'are'} not in the table: not trained and tested yet.`,
        ];
  return { shape, episodes: rows[0]!.episodes, learners, warnings };
}

/** Tests runs of meta-learning, one after the other. @throws UserError where one cannot be read or tested */
export async function gatherMetaRuns(paths: readonly string[], options: StudyOptions): Promise<MetaStudy> {
  const { openStore = openRunStore, episodes = 200, data, onProgress, signal, cache, decoder, checkpoint } = options;
  const names = distinctNames(paths);
  const learners: StudiedLearner[] = [];
  const shapes: Comparison['shape'][] = [];
  for (const [i, path] of paths.entries()) {
    const name = names[i]!;
    const test = await testMeta(path, {
      ...{ openStore, episodes, signal, cache, decoder, checkpoint, folder: data },
      onProgress: (done, total) => onProgress?.({ stage: `testing ${i + 1} of ${paths.length}`, done, total }),
    });
    const run = await readMetaRun(path, openStore);
    shapes.push(test.shape);
    learners.push(await learnerOf(path, await rowOf(name, openStore(path), test, run), openStore));
  }
  return { shape: shapes[0]!, episodes, learners, warnings: metaWarnings(learners, shapes) };
}

async function learnerOf(path: string, row: ComparisonRow, openStore: typeof openRunStore): Promise<StudiedLearner> {
  const opened = await openLearner(path, undefined, 'best', openStore);
  const work = metaWork(opened);
  const epochs = work.reduce((sum, phase) => sum + phase.epochs, 0);
  const flopsPerStep =
    epochs === 0 ? null : work.reduce((sum, phase) => sum + (phase.flopsPerStep * phase.epochs) / epochs, 0);
  let sum = 0;
  const seconds = (await loggedEpochs(openStore(path))).map((epoch) => (sum += epoch.seconds));
  return { path, row, run: opened.run, flopsPerStep, seconds };
}

/** What keeps runs of meta-learning from being compared: other tasks, or other classes. */
function metaWarnings(learners: readonly StudiedLearner[], shapes: readonly Comparison['shape'][]): string[] {
  const divided = (key: (learner: StudiedLearner, i: number) => string) => {
    const keyed = learners.map((learner, i) => ({ name: learner.row.name, key: key(learner, i) }));
    return [...groupBy(keyed, (one) => one.key).values()].map((own) => listed(own.map(({ name }) => name)));
  };
  const byShape = divided((_, i) => JSON.stringify(shapes[i]));
  const byData = divided(({ run: { dataset } }) => `${dataset.fingerprint} ${dataset.split}`);
  const bySeed = divided(({ run: { config } }) => String(config.seed));
  const unfinished = learners.filter(({ run }) => run.status !== 'done').map(({ row }) => row.name);
  return [
    ...(byShape.length > 1
      ? [`Different tasks: ${byShape.join('; ')}. Their accuracies say nothing about which learner is better.`]
      : []),
    ...(byData.length > 1
      ? [`Different data or another split of the classes: ${byData.join('; ')}. Their test classes are not the same.`]
      : []),
    ...(byShape.length === 1 && byData.length === 1 && bySeed.length > 1
      ? [
          `Different seeds: ${bySeed.join('; ')}. Their test episodes are drawn from the same classes, but not the same.`,
        ]
      : []),
    ...(unfinished.length > 0
      ? [`${listed(unfinished)} ${unfinished.length === 1 ? 'was' : 'were'} not trained to the end.`]
      : []),
  ];
}
