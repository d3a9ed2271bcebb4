import { join } from 'node:path';
import { call, option } from '@graft-ml/core/internal/base/code';
import { UserError } from '@graft-ml/core/internal/base/errors';
import { plural } from '@graft-ml/core/internal/base/plural';
import { assertMayHoldImages } from '../data/readers/find-candidates.ts';
import type { FetchOptions } from '../files/download/fetch-file.ts';
import { exists } from '../files/read.ts';
import { makeFolders, wrapWriteErrors } from '../files/write.ts';
import type { Executor } from '../jobs/executor.ts';
import type { DataReference } from '../jobs/job.ts';
import { localExecutor } from '../jobs/local-executor.ts';
import { lockRun } from '../runs/run-lock.ts';
import { mostTrials } from './choose.ts';
import { conductTrials, type RunningStudy } from './conductor.ts';
import { studyFile } from './database.ts';
import {
  checkedStudy,
  parseStudy,
  type StudyBudget,
  type StudyDefinition,
  type StudyDefinitionInput,
} from './definition.ts';
import { openStudy, type Study } from './study.ts';
import type { StudyEvent } from './study-events.ts';
import { StudyFile } from './study-file.ts';
import { testBest } from './test-best.ts';
import { writeTrialHparams } from './trial-hparams.ts';
import { shipNothing, shipOnce } from './trial-jobs.ts';

export interface StudyCallOptions {
  /** What does the trials' runs. It stays its owner's. Default: child processes of this machine, opened and closed. */
  readonly executor?: Executor | undefined;
  /** Sends the dataset, and files of weights, to where the jobs are done. Default: they see the paths of this process. */
  readonly ship?: ((path: string) => Promise<DataReference>) | undefined;
  /** The sources of published weights, for every process that trains. */
  readonly download?: Pick<FetchOptions, 'offline' | 'mirror' | 'expectSha256'> | undefined;
  /** Whether the best trial is tested at the end, where the dataset has a test side. Default: true. */
  readonly test?: boolean | undefined;
  /** Stops the study at the next safe point. */
  readonly signal?: AbortSignal | undefined;
}

export interface RunStudyOptions extends StudyCallOptions {
  /** The folder for the study and its runs. */
  readonly out: string;
}

export interface ResumeStudyOptions extends StudyCallOptions {
  /** Another budget, such as a larger one for a study that is done. */
  readonly budget?: StudyBudget | undefined;
}

/**
 * Runs a study: tries options, one ordinary run a trial and seed, `out/trial-0000` and so on, and keeps what they come
 * to in `out/study.db`, which Optuna's dashboard opens.
 *
 * @throws UserError where an option cannot have one of its values, or no trial gets anywhere
 * @example
 * const space = { learningRate: { kind: 'float', low: 1e-4, high: 1e-2, log: true } } as const;
 * for await (const event of runStudy({ data: 'photos', space }, { out: 'runs/study' })) console.log(event);
 */
export async function* runStudy(
  definition: StudyDefinitionInput,
  options: RunStudyOptions,
): AsyncGenerator<StudyEvent, void, undefined> {
  const { out } = options;
  const checked = parseStudy(definition);
  if (await exists(join(out, studyFile))) {
    const resumed = call('resumeStudy', [out]);
    throw new UserError(
      `${out} already holds a study. ${resumed} goes on with it; or choose another ${option('out')}.`,
    );
  }
  if (!(await exists(checked.data))) throw new UserError(`There is no folder ${checked.data} to train on.`);
  await assertMayHoldImages(checked.data); // else each of the first trials would say so
  await wrapWriteErrors(out, () => makeFolders(out));
  const lock = await lockRun(out);
  try {
    await using owned = options.executor ? null : localExecutor({ root: out, file: join(out, studyFile) });
    const executor = options.executor ?? owned!;
    const parallel = checked.parallel ?? parallelFor(Math.ceil((await executor.concurrency()) / checked.seeds));
    const study = { ...checked, parallel };
    using file = await StudyFile.create(out, study);
    yield { kind: 'study', out, definition: study, isResumed: false, ended: [] };
    yield* conduct({ study, file, executor, lock, trials: [], seconds: 0 }, options);
  } finally {
    await lock.release();
  }
}

/**
 * Goes on with a study where it stopped, also after a kill: trials that were under way go on from their last
 * checkpoint, and what follows is what would have followed.
 *
 * @throws UserError where it is complete, was not made by this user, or another process runs it
 */
export async function* resumeStudy(
  out: string,
  options: ResumeStudyOptions = {},
): AsyncGenerator<StudyEvent, void, undefined> {
  const { budget } = options;
  await openStudy(out);
  const lock = await lockRun(out);
  try {
    const found = await openStudy(out);
    if (!found.isOwn) {
      throw new UserError(
        `${out} was not made by you on this machine, and its trials would open what it names: ${found.definition.data}. ` +
          'Begin a study of your own.',
      );
    }
    const { definition } = found;
    const checked = budget ? checkedStudy({ ...definition, budget }) : definition;
    const study = { ...checked, parallel: definition.parallel ?? 1 };
    assertMore(found, study);
    await using owned = options.executor ? null : localExecutor({ root: out, file: join(out, studyFile) });
    const executor = options.executor ?? owned!;
    using file = await StudyFile.open(out);
    if (budget) await file.redefine(study);
    const ended = found.trials.filter(({ state }) => state !== 'running');
    yield { kind: 'study', out, definition: study, isResumed: true, ended };
    const { trials, seconds } = found;
    yield* conduct({ study, file, executor, lock, trials, seconds }, { ...options, out });
  } finally {
    await lock.release();
  }
}

/**
 * Trials at once in a study that does not say: twice those that the executor does, so that one long trial does not keep
 * the others waiting.
 */
const parallelFor = (concurrency: number) => (concurrency === 1 ? 1 : 2 * concurrency);

/** @throws UserError where nothing is left to do */
function assertMore({ path, status, trials, seconds }: Study, study: StudyDefinition): void {
  if (status !== 'done') return;
  const most = mostTrials(study);
  const { minutes } = study.budget;
  const hasTime = minutes == null || seconds < 60 * minutes;
  if (hasTime && (most === null || trials.length < most)) return;
  throw new UserError(
    `${path} is complete: it has its ${plural(trials.length, 'trial')}. Pass ${option('budget')} with more of them to go on.`,
  );
}

/** Has the trials done, tests the best of them, and says how it ended. */
async function* conduct(
  running: Omit<RunningStudy, 'ship' | 'download' | 'signal'>,
  { out, ship = shipNothing, download, test: isTested = true, signal }: RunStudyOptions,
): AsyncGenerator<StudyEvent, void, undefined> {
  const { study, file, executor } = running;
  const isDone = yield* conductTrials({ ...running, ship: shipOnce(ship), download, signal });
  const found = await openStudy(out);
  if (!isDone) {
    file.setStatus('interrupted', found.seconds);
    yield { kind: 'interrupted', out };
    return;
  }
  const test = isTested ? await testBest(found, executor, signal) : null;
  // The folder may have been brought here again for the test, without what was added to it.
  if (test) await writeTrialHparams(study, found.best!, executor);
  if (test) file.setTest(test);
  file.setStatus('done', found.seconds);
  yield { kind: 'end', out, study: await openStudy(out) };
}
