import { readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { call, option } from '@graft-ml/core/internal/base/code';
import { OptionError, UserError } from '@graft-ml/core/internal/base/errors';
import { isOnnx } from '@graft-ml/core/internal/models/index';
import {
  parseConfig,
  resolveConfig,
  type TrainConfig,
  type TrainConfigInput,
  trainConfigSchema,
} from '@graft-ml/core/internal/recipe/config/index';
import { z } from 'zod';
import { formatOwnJson, readOwnJson } from '../files/own-json.ts';
import { exists } from '../files/read.ts';
import { replaceFile, wrapWriteErrors } from '../files/write.ts';
import { areOwnPaths, isWeightsFile, signPaths, usablePaths } from '../runs/own-paths.ts';
import { readRun } from '../runs/run-file.ts';
import { assertEmpty } from '../runs/run-folder.ts';
import { assertNoLinks, makeRunFolder } from '../runs/run-store.ts';
import {
  type FolderEvent,
  type ResumeOptions,
  resumeTraining,
  type TrainFolderOptions,
  trainFolder,
  withAbsolutePaths,
} from '../transfer/train-folder.ts';
import { type FoldResult, type FoldSummary, summariseFolds } from './fold-summary.ts';

/** One of the runs of a cross-validation begins, or is gone on with. Its events follow. */
export interface FoldEvent {
  readonly kind: 'fold';
  readonly fold: number;
  readonly of: number;
  readonly out: string;
}

/** All folds are done. */
export interface FoldsEvent extends FoldSummary {
  readonly kind: 'folds';
  readonly out: string;
}

export type CrossValidationEvent = FoldEvent | FoldsEvent | FolderEvent;

/** `folds.json`: what the runs beside it are, and what they came to. */
const foldsSchema = z.object({
  of: z.int().min(2),
  folder: z.string(),
  config: trainConfigSchema,
  /** As that of a run. */
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
 * Cross-validation: trains one ordinary run a fold, `out/fold-1` and so on, in which each image validates once. What they
 * come to is in `out/folds.json`.
 *
 * @throws UserError for anything wrong with the data set or the options
 */
export async function* trainFolds(
  folder: string,
  config: TrainConfigInput,
  folds: number,
  options: TrainFolderOptions,
): AsyncGenerator<CrossValidationEvent, void, undefined> {
  const { out, overwrite = false } = options;
  const parsed = parseConfig(config);
  if (parsed.fold !== null)
    throw new OptionError({
      option: 'fold',
      expected: 'none, since all are to be trained',
      received: parsed.fold,
      problem: ` ${parsed.fold} is one of the folds, and all are to be trained.`,
    });
  for (const file of [foldsFile, 'run.json']) {
    if (overwrite || !(await exists(join(out, file)))) continue;
    throw new UserError(
      `${out} already holds a run. ${call('resumeFolds', [out])} goes on with it; pass ${option('overwrite', true)} to replace it, or another ${option('out')}.`,
    );
  }
  await assertNoLinks(out);
  if (!overwrite) await assertEmpty(out);
  yield* remainingFolds({ of: folds, folder: resolve(folder), config: absolute(parsed), folds: [] }, options);
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
export function holdsFolds(out: string): Promise<boolean> {
  return exists(join(out, foldsFile));
}

/** Goes on with a cross-validation: with the fold under way, then with those that are still to come. */
export async function* resumeFolds(
  out: string,
  { data, weights, ...options }: Omit<ResumeOptions, 'from' | 'epochs'> = {},
): AsyncGenerator<CrossValidationEvent, void, undefined> {
  const file = join(out, foldsFile);
  await assertNoLinks(out);
  const parsed = foldsSchema.safeParse(await readOwnJson(file, { links: 'refuse' }));
  if (!parsed.success) throw new UserError(`${file} is damaged: ${z.prettifyError(parsed.error)}`);
  if (parsed.data.folds.length === parsed.data.of)
    throw new UserError(`${out} is complete: it has its ${parsed.data.of} folds.`);
  if (isOnnx(parsed.data.config.model) && !(await areOwnPaths(parsed.data))) {
    throw new UserError(
      `${out} was not made by you on this machine (or by a version of Graft before 0.2), and its next fold would begin with a model ` +
        `that it names: ${parsed.data.config.model}. Begin a cross-validation of your own.`,
    );
  }
  yield* remainingFolds(await usablePaths(out, parsed.data, { data, weights }), { ...options, out });
}

/** Trains the folds that have no result yet, one after the other. Ends early where one was interrupted. */
async function* remainingFolds(
  plan: { of: number; folder: string; config: TrainConfig; folds: readonly FoldResult[] },
  options: TrainFolderOptions,
): AsyncGenerator<CrossValidationEvent, void, undefined> {
  const { of, folder, config } = plan;
  const file = join(options.out, foldsFile);
  const done: FoldResult[] = [...plan.folds];
  const signature = await signPaths({ folder, config });
  const write = (more: object = {}) =>
    wrapWriteErrors(file, () =>
      replaceFile(file, formatOwnJson({ of, folder, config, signature, folds: done, ...more })),
    );
  for (let fold = done.length + 1; fold <= of; fold++) {
    const out = join(options.out, `fold-${fold}`);
    yield { kind: 'fold', fold, of, out };
    for await (const event of oneFold(folder, { ...config, fold: `${fold}/${of}` }, { ...options, out })) {
      // Now everything is known to be sound, and something is there to go on with.
      if (event.kind === 'start' && fold === plan.folds.length + 1) {
        await makeRunFolder(options.out);
        if (options.overwrite) await removeFolds(options.out, fold);
        await write();
      }
      yield event;
      if (event.kind === 'interrupted' || event.kind === 'cancelled') return;
    }
    const { best, dataset } = await readRun(out);
    done.push({ fold, out: `fold-${fold}`, validation: dataset.validation, ...best! });
    await write();
  }
  const summary = summariseFolds(done);
  await write({ accuracy: summary.accuracy, loss: summary.loss });
  yield { kind: 'folds', out: options.out, ...summary };
}

/** Removes the runs of an earlier cross-validation, except those up to a fold. */
async function removeFolds(out: string, kept: number): Promise<void> {
  for (const name of await readdir(out)) {
    const fold = Number(/^fold-(\d+)$/.exec(name)?.[1] ?? 0);
    if (fold <= kept || !(await exists(join(out, name, 'run.json')))) continue;
    await wrapWriteErrors(join(out, name), () => rm(join(out, name), { recursive: true }));
  }
}

/** Trains a fold, goes on with it where it has a checkpoint, or passes over it where it is done. */
async function* oneFold(
  folder: string,
  config: TrainConfig,
  options: TrainFolderOptions,
): AsyncGenerator<FolderEvent, void, undefined> {
  const { out, overwrite, choices: _, ...others } = options;
  const run = overwrite ? null : await readRun(out).catch(() => null);
  const isDone =
    run?.status === 'done' && (!run.decision?.alsoScratch || (await exists(join(out, 'scratch', 'run.json'))));
  if (isDone) return;
  const weights = isWeightsFile(config.weights, config.model) ? config.weights : undefined;
  if (run && (await exists(join(out, 'last.safetensors'))))
    yield* resumeTraining(out, { ...others, data: folder, weights });
  else yield* trainFolder(folder, config, { ...options, overwrite: true });
}
