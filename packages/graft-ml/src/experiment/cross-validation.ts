import { join, resolve } from 'node:path';
import { call, option } from '@graft-ml/core/internal/base/code';
import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import { longestOwnJson, parseOwnJson } from '@graft-ml/core/internal/base/own-json';
import { problemsOf } from '@graft-ml/core/internal/base/schema-problems';
import { isOnnx } from '@graft-ml/core/internal/models/index';
import {
  parseConfig,
  resolveConfig,
  type TrainConfig,
  type TrainConfigInput,
  trainConfigSchema,
} from '@graft-ml/core/internal/recipe/config/index';
import { isWeightsFile } from '@graft-ml/core/internal/runs/named-paths';
import { z } from 'zod';
import type { Executor } from '../jobs/executor.ts';
import { downloadTask } from '../jobs/train-job.ts';
import { areOwnPaths, signPaths, usablePaths } from '../runs/own-paths.ts';
import { readRun } from '../runs/read-run.ts';
import { type OpenRunStore, openRunStore, type RunStore } from '../runs/run-store.ts';
import { withoutTexts } from '../text/options.ts';
import type { FolderEvent } from '../transfer/folder-events.ts';
import type { TrainFolderOptions } from '../transfer/train-folder.ts';
import { type ResumeOptions, resumeTraining, trainFolder, withAbsolutePaths } from '../transfer/train-folder.ts';
import { type Batch, type ElsewhereEvent, type MemberEvent, runBatch } from './batch.ts';
import { type FoldResult, type FoldSummary, summariseFolds } from './fold-summary.ts';

/** One of the runs of a cross-validation begins, or is resumed. Its events follow. */
export interface FoldEvent {
  readonly kind: 'fold';
  readonly fold: number;
  readonly of: number;
  readonly out: string;
}

/** Event: all folds are done. */
export interface FoldsEvent extends FoldSummary {
  readonly kind: 'folds';
  readonly out: string;
}

export type CrossValidationEvent = FoldEvent | FoldsEvent | FolderEvent | ElsewhereEvent;

/** Who trains the folds. */
export interface FoldsExecutor {
  /**
   * Trains them at once, as jobs in folders of `out`: `localExecutor({ root: out })`, or `queueExecutor`. It stays its
   * owner's. Their numbers are those of this process where `threads` and the kernels chosen are the same, as on one
   * machine with one cache. Default: this process, one after the other.
   */
  readonly executor?: Executor | undefined;
}

/** `folds.json`: what the runs beside it are, and what they came to. */
const foldsSchema = z.object({
  of: z.int().min(2),
  folder: z.string(),
  config: z.preprocess(withoutTexts, trainConfigSchema),
  /** The signature, as of a run. */
  signature: z.string().nullable().default(null),
  folds: z.array(
    z.object({
      fold: z.int(),
      out: z.string(),
      validation: z.int(),
      accuracy: z.number(),
      loss: z.number(),
      epoch: z.int(),
    }),
  ),
});

const foldsFile = 'folds.json';

/**
 * Cross-validation: trains one ordinary run a fold, `out/fold-1` and so on, in which each image validates once. What
 * they come to is in `out/folds.json`.
 *
 * @throws UserError for anything wrong with the dataset or the options
 */
export async function* trainFolds(
  folder: string,
  config: TrainConfigInput,
  folds: number,
  options: TrainFolderOptions & FoldsExecutor,
): AsyncGenerator<CrossValidationEvent, void, undefined> {
  const { out, overwrite = false } = options;
  const parsed = parseConfig(config);
  if (parsed.fold !== null)
    throw new OptionError({
      option: 'fold',
      expected: 'none, since all are to be trained',
      received: parsed.fold,
      problem: ` ${parsed.fold.index} of ${parsed.fold.of} is one of the folds, and all are to be trained.`,
    });
  const names = await (options.openStore ?? openRunStore)(out).names();
  for (const file of [foldsFile, 'run.json']) {
    if (overwrite || !names.includes(file)) continue;
    throw new UserError(
      `${out} already holds a run. ${call('resumeFolds', [out])} goes on with it; pass ` +
        `${option('overwrite', true)} to replace it, or another ${option('out')}.`,
    );
  }
  yield* remainingFolds({ of: folds, folder: resolve(folder), config: absolute(parsed), folds: [] }, options, true);
}

/** The same configuration for another working directory. */
function absolute(config: TrainConfig): TrainConfig {
  const { model, weights } = withAbsolutePaths(resolveConfig(config));
  return {
    ...config,
    model: isOnnx(config.model) ? model : config.model,
    weights: config.weights === null ? null : weights,
  };
}

/** Whether a folder is of a cross-validation. */
export async function holdsFolds(out: string, openStore: OpenRunStore = openRunStore): Promise<boolean> {
  return (await openStore(out).names()).includes(foldsFile);
}

/** A cross-validation as `folds.json` records it. */
export interface RecordedFolds {
  /** The number of folds. */
  readonly of: number;
  readonly folder: string;
  readonly config: TrainConfig;
  readonly signature: string | null;
  /** Those that are done. `out` is the name of a folder beside the file. */
  readonly folds: readonly FoldResult[];
}

/** The cross-validation in a store. @throws UserError where its record cannot be read */
export async function readFolds(out: string, openStore: OpenRunStore = openRunStore): Promise<RecordedFolds> {
  const file = join(out, foldsFile);
  const store = openStore(out);
  await store.inspect();
  const parsed = foldsSchema.safeParse(parseOwnJson(await store.read(foldsFile, longestOwnJson), file));
  if (!parsed.success) throw new UserError(`${file} is damaged: ${problemsOf(parsed.error)}.`);
  return parsed.data;
}

/** The name of the folder of a fold, from 1. */
export function foldName(fold: number): string {
  return `fold-${fold}`;
}

/** Options for resuming a cross-validation. */
export type ResumeFoldsOptions = Omit<ResumeOptions, 'from' | 'epochs'> & FoldsExecutor;

/** Goes on with a cross-validation: with the fold under way, then with those that are still to come. */
export async function* resumeFolds(
  out: string,
  { data, weights, ...options }: ResumeFoldsOptions = {},
): AsyncGenerator<CrossValidationEvent, void, undefined> {
  const recorded = await readFolds(out, options.openStore);
  if (recorded.folds.length === recorded.of)
    throw new UserError(`${out} is complete: it has its ${recorded.of} folds.`);
  if (isOnnx(recorded.config.model) && !(await areOwnPaths(recorded))) {
    throw new UserError(
      `${out} was not made by you on this machine (or by a version of Graft before 0.2), and its next fold would ` +
        `begin with a model that it names: ${recorded.config.model}. Begin a cross-validation of your own.`,
    );
  }
  yield* remainingFolds(await usablePaths(out, recorded, { data, weights }), { ...options, out }, false);
}

/** Trains the folds that have no result yet, one after the other. Ends early where one was interrupted. */
async function* remainingFolds(
  plan: { of: number; folder: string; config: TrainConfig; folds: readonly FoldResult[] },
  { executor, ...options }: TrainFolderOptions & FoldsExecutor,
  isNew: boolean,
): AsyncGenerator<CrossValidationEvent, void, undefined> {
  const { of, folder, config } = plan;
  const { out, overwrite, openStore = openRunStore, signal } = options;
  const numbers = new Map(Array.from({ length: of }, (_, i) => [foldName(i + 1), i + 1]));
  const signature = await signPaths({ folder, config });
  const own = (name: string) => ({ ...config, fold: { index: numbers.get(name)!, of } });
  const batch: Batch<FolderEvent, FoldResult> = {
    file: foldsFile,
    members: [...numbers.keys()],
    results: new Map(plan.folds.map((result) => [result.out, result])),
    train: (name, path) => trainFolder(folder, own(name), { ...options, out: path, overwrite: true }),
    resume: (_, path) => {
      const { overwrite: _overwrite, choices: _choices, ...others } = options;
      const weights = isWeightsFile(config.weights, config.model) ? config.weights : undefined;
      return resumeTraining(path, { ...others, data: folder, weights });
    },
    job: (name) => ({
      id: name,
      kind: 'train',
      task: { data: { path: folder, sha256: null }, config: own(name), ...downloadTask(options.download) },
    }),
    async state(_, path) {
      const run = await readRun(path, openStore).catch(() => null);
      if (run === null) return 'none';
      const hasBoth =
        !run.decision?.alsoScratch || (await openStore(join(path, 'scratch')).names()).includes('run.json');
      return run.status === 'done' && hasBoth ? 'done' : 'begun';
    },
    async result(name, path) {
      const { best, dataset } = await readRun(path, openStore);
      return { fold: numbers.get(name)!, out: name, validation: dataset.validation, ...best! };
    },
    record(results) {
      const folds = [...results.values()];
      const { accuracy, loss } = summariseFolds(folds);
      return { of, folder, config, signature, folds, ...(folds.length === of && { accuracy, loss }) };
    },
    removeOld: (store) => removeFolds(store, 1, openStore),
  };
  const events = runBatch(batch, { out, isNew, overwrite, openStore, executor, signal });
  const results = yield* asFolds(events);
  if (results) yield { kind: 'folds', out, ...summariseFolds([...results.values()]) };
}

/** The members of the batch are folds. */
async function* asFolds<T>(
  events: AsyncGenerator<MemberEvent | FolderEvent | ElsewhereEvent, T, undefined>,
): AsyncGenerator<FoldEvent | FolderEvent | ElsewhereEvent, T, undefined> {
  for (;;) {
    const { value, done } = await events.next();
    if (done) return value;
    yield value.kind === 'member' ? { kind: 'fold', fold: value.index, of: value.of, out: value.out } : value;
  }
}

/** Removes the runs of an earlier cross-validation, except those up to a fold. */
async function removeFolds(store: RunStore, kept: number, openStore: OpenRunStore): Promise<void> {
  for (const name of await store.names()) {
    const fold = Number(/^fold-(\d+)$/.exec(name)?.[1] ?? 0);
    if (fold <= kept) continue;
    const run = openStore(join(store.path, name));
    if ((await run.names()).includes('run.json')) await run.removeAll();
  }
}
